"""What people can do with their profiles."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from auth_service.accounts.domain import Account, AccountGone, HandleTaken
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserUpdated
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.profiles.avatars import Avatars
from auth_service.profiles.domain import Changes
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import FieldError
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class SaveProfile:
    """Write the changes of one account, and tell everybody what others may see of them.

    Whoever gets another handle logs in by it, and so is told by mail.
    """

    database: Database
    write_letter: WriteLetter
    clock: Clock

    async def __call__(
        self, user: UserId, change: Callable[[Account], Account], device: Device
    ) -> tuple[Account, Account]:
        """The account before and after; raises `AccountGone` and `HandleTaken`."""
        async with self.database.transaction() as tx:
            accounts = Accounts(tx)
            before = await accounts.lock(user)
            if before is None:
                raise AccountGone
            after = change(before)
            if after == before:
                return before, before
            is_renamed = after.handle != before.handle
            if is_renamed and await accounts.is_taken_by_another(after.handle, user):
                raise HandleTaken(errors=(FieldError("user_handle", "is already taken"),))
            action = Action.HANDLE_CHANGED if is_renamed else Action.PROFILE_CHANGED
            revision = await accounts.save_profile(after)
            await AuditLog(tx).add(action, self.clock.now(), device, subject=user)
            tx.announce(UserUpdated(user, after.handle, after.display_name, after.avatar, revision))
            if is_renamed and after.email is not None:
                values = {"handle": after.handle, "before": before.handle, **circumstances(device)}
                letter = Letter(Template.HANDLE_CHANGED, after.email, device.languages, values)
                await self.write_letter(tx, letter, user)
        return before, after


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """Change what somebody tells of themselves; raises `Invalid`, and as `SaveProfile`."""

    save: SaveProfile

    async def __call__(self, user: UserId, changes: Changes, device: Device) -> Account:
        """The changed account."""
        _, account = await self.save(user, changes.applied_to, device)
        return account


@dataclass(frozen=True, slots=True)
class SetAvatar:
    """Give somebody another avatar, or none; raises `NotAPicture`, and as `SaveProfile`.

    The file is there before the account names it, and goes after; a crash between leaves one that
    the sweeper finds.
    """

    save: SaveProfile
    avatars: Avatars

    async def __call__(self, user: UserId, picture: bytes | None, device: Device) -> Account:
        """The changed account; `picture` is an uploaded file."""
        name = None
        if picture is not None:
            name = await self.avatars.keep(await self.avatars.paint(picture))

        def change(account: Account) -> Account:
            return msgspec.structs.replace(account, avatar=name)

        before, after = await self.save(user, change, device)
        if before.avatar is not None and before.avatar != name:
            await self.avatars.remove(before.avatar)
        return after
