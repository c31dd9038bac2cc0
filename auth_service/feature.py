"""What every feature of the service is built on."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import httpx

from auth_service.accounts.breached.passwords import BreachedPasswords
from auth_service.accounts.cores import usable_cores
from auth_service.accounts.passwords import Passwords
from auth_service.delays.use_cases import Delays
from auth_service.guests.use_cases import AdoptGuest
from auth_service.mail.use_cases import WriteLetter
from auth_service.privacy.use_cases import EraseUser
from auth_service.recovery.domain import Links
from auth_service.recovery.send_link import SendLink
from auth_service.sessions.delivery import TokenDelivery
from auth_service.sessions.domain import SessionLimits
from auth_service.sessions.log_in import Admit
from auth_service.sessions.use_cases import EndSessions, IssueTokens, RequireRecent, StartSession
from auth_service.settings import AuthSettings
from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.seal import Seal
from shared.clock import Clock
from shared.db.database import Database
from shared.security.box import Box
from shared.security.keys import derive_key
from shared.security.revocations import Revocations
from shared.storage.storage import Storage


class Base:
    """What features share; `peers` are clients of the other services, by name."""

    def __init__(
        self,
        settings: AuthSettings,
        database: Database,
        peers: Mapping[str, httpx.AsyncClient],
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.database = database
        self.peers = peers
        self.clock = clock
        self.secret = settings.secret_key.get_secret_value()
        self.storage = Storage.open(settings.storage_url, settings.s3)
        self.keys = KeyRing(database, Seal(self.secret), clock)
        self.revocations = Revocations(clock)
        self.passwords = Passwords(usable_cores())
        self.breached = BreachedPasswords(settings.breached_passwords)
        self.delays = Delays(database, clock, derive_key(self.secret, "delays"))
        self.letters = asyncio.Event()
        self.write_letter = WriteLetter(self.box("mails"), clock, self.letters.set)
        self.links = Links(settings.pages_url)
        self.send_link = SendLink(self.write_letter, self.links, clock)
        limits = SessionLimits(
            timedelta(days=settings.session_max_days), timedelta(days=settings.session_idle_days)
        )
        self.issue_tokens = IssueTokens(self.keys, limits, clock)
        self.start_session = StartSession(self.issue_tokens, limits, clock)
        self.end_sessions = EndSessions(clock)
        self.erase_user = EraseUser(self.end_sessions, clock)
        self.require_recent = RequireRecent(database, clock)
        self.admit = Admit(
            database,
            self.start_session,
            AdoptGuest(self.erase_user, clock),
            clock,
            verified_only=settings.require_verified_email,
        )
        self.delivery = TokenDelivery.of(
            settings.allowed_origins,
            settings.refresh_cookie_samesite,
            clock,
            production=settings.environment == "production",
        )

    def box(self, use: str) -> Box:
        """Seals what is kept for one use."""
        return Box(self.secret, use)
