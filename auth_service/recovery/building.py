"""Composes verification and recovery."""

from auth_service.factors.notices import TellOfFactors
from auth_service.feature import Base
from auth_service.recovery.change_email import AskToChangeEmail, ConfirmEmail
from auth_service.recovery.endpoints import RecoveryEndpoints
from auth_service.recovery.pages import PageEndpoints
from auth_service.recovery.reset_password import AskForReset, ResetPassword
from auth_service.recovery.squatters import EvictSquatter
from auth_service.recovery.verify_email import ResendVerification, VerifyEmail
from auth_service.social.notices import TellOfLinks
from shared.runtime.feature import Feature


def build(base: Base) -> Feature:
    """Links in mails, what they do, and the pages to which they lead."""
    database, clock = base.database, base.clock
    endpoints = RecoveryEndpoints(
        VerifyEmail(database, clock),
        ResendVerification(database, base.send_link, clock),
        AskForReset(database, base.send_link, clock),
        ResetPassword(
            database,
            base.passwords,
            base.breached,
            base.end_sessions,
            base.delays,
            base.write_letter,
            EvictSquatter(
                TellOfFactors(base.write_letter, clock),
                TellOfLinks(base.write_letter, clock),
                clock,
            ),
            clock,
        ),
        AskToChangeEmail(database, base.require_recent, base.write_letter, base.links, clock),
        ConfirmEmail(database, base.end_sessions, base.write_letter, clock),
    )
    return Feature(endpoints=(endpoints, PageEndpoints(base.settings.sender.display_name)))
