"""The postman: empties the box of letters, in any number of processes at the same time.

A mail is claimed by a lease, handed over, and then forgotten. Whoever dies in between leaves the
lease, after whose end the mail is handed over again, with the same Message-ID.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from email.headerregistry import Address

import msgspec
from sqlalchemy.exc import DBAPIError

from auth_service.mail.carrier import Carrier, NotNow, Refused
from auth_service.mail.domain import Letter
from auth_service.mail.languages import language_of
from auth_service.mail.message import Mail
from auth_service.mail.rendering import render
from auth_service.mail.repository import BATCH, Claimed, Mails
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within
from shared.security.box import Box, NotOpened

log = get_logger(__name__)

_POLL_SECONDS = 5.0
"""The safety net: for what other processes left, and for what is tried again."""
_HAND_OVER_SECONDS = 60.0
LEASE = timedelta(seconds=2 * _HAND_OVER_SECONDS)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=15)


class Postman:
    """Opens letters, renders them and hands them to `carrier`; `letters` wakes it."""

    def __init__(
        self,
        database: Database,
        box: Box,
        carrier: Carrier,
        sender: Address,
        clock: Clock,
        letters: asyncio.Event,
    ) -> None:
        self._database = database
        self._box = box
        self._carrier = carrier
        self._sender = sender
        self._clock = clock
        self._letters = letters
        self._away = False

    async def run(self, ready: Ready) -> None:
        """Deliver until cancelled, then finish the mails in hand."""
        ready()
        async with asyncio.TaskGroup() as rounds:
            with suppress(asyncio.CancelledError):  # leaving the group waits for the round
                while True:
                    await asyncio.shield(rounds.create_task(self._round()))
                    await happens_within(_POLL_SECONDS, self._letters)
        raise asyncio.CancelledError

    async def _round(self) -> None:
        self._letters.clear()
        try:
            await self.deliver()
        except (Unavailable, DBAPIError) as error:
            if not self._away:
                log.warning("postman_held_up", error=repr(error))
            self._away = True
        else:
            self._away = False

    async def deliver(self) -> int:
        """Hand over some of what is due; how many mails were looked at."""
        claimed = await Mails(self._database).claim(self._clock.now(), LEASE)
        if len(claimed) == BATCH:
            self._letters.set()  # there may be more
        await self._all(claimed)
        return len(claimed)

    async def _all(self, claimed: Sequence[Claimed]) -> None:
        outcomes = await asyncio.gather(
            *(self._one(mail) for mail in claimed), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _one(self, claimed: Claimed) -> None:
        mails, told = Mails(self._database), {"mail": str(claimed.id), "template": claimed.template}
        try:
            mail = self._opened(claimed)
            if mail is None:
                return await mails.drop(claimed.id)
            async with asyncio.timeout(_HAND_OVER_SECONDS):
                await self._carrier.hand_over(mail)
        except Refused as refused:
            log.warning("mail_given_up", **told, attempts=claimed.attempts, reason=str(refused))
            return await mails.drop(claimed.id)
        except (NotNow, TimeoutError) as error:
            reason = str(error) or "it took too long"
        except Exception as error:  # noqa: BLE001 - one mail must not hold up the others
            # without the text, which may hold what the mail says
            reason = type(error).__name__
            log.error("mail_failed", **told, reason=reason)  # noqa: TRY400
        else:
            return await mails.settle(claimed.id, self._clock.now())
        again_at = self._clock.now() + _pause_after(claimed.attempts)
        log.warning("mail_postponed", **told, reason=reason, again_at=again_at.isoformat())
        return await mails.postpone(claimed, again_at)

    def _opened(self, claimed: Claimed) -> Mail | None:
        """The mail; None when it is for nobody. Raises `Refused` when it cannot leave any more."""
        if claimed.expires_at <= self._clock.now():
            raise Refused("it could not be handed over in time")
        try:
            content = self._box.open(claimed.sealed, claimed.id.bytes)
        except NotOpened:
            raise Refused("it was sealed with another SECRET_KEY") from None
        letter = msgspec.json.decode(content, type=Letter)
        return self._written(claimed, letter) if letter.recipient else None

    def _written(self, claimed: Claimed, letter: Letter) -> Mail:
        language = language_of(letter.languages, claimed.language)
        values = {"when": f"{claimed.created_at:%Y-%m-%d %H:%M} UTC", **letter.values}
        if claimed.handle:
            values.setdefault("handle", claimed.handle)
        content = render(letter.template, language, values, self._sender.display_name)
        return Mail(
            claimed.id,
            letter.template,
            self._sender,
            letter.recipient,
            claimed.created_at,
            language,
            content,
        )


def _pause_after(attempts: int) -> timedelta:
    """5 s, 10 s, 20 s … at most 15 minutes."""
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 10)), _LONGEST_PAUSE)
