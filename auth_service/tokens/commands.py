"""Changing signing keys from the command line, whether or not the service runs."""

import sys
from datetime import timedelta

from auth_service.device import Device
from auth_service.settings import AuthSettings
from auth_service.tokens.rotation import RotateKeys, Rotation
from auth_service.tokens.seal import Seal, WrongSecret
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database


async def rotate_keys(settings: AuthSettings) -> int:
    """Let a new key sign soon; nobody notices."""
    return await _change(settings, withdraw=False)


async def withdraw_keys(settings: AuthSettings) -> int:
    """Accept no access token any more that has been signed until now; sessions go on."""
    return await _change(settings, withdraw=True)


async def _change(settings: AuthSettings, *, withdraw: bool) -> int:
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="auth", source="auth", pool_size=1)
    rotate = RotateKeys(
        database,
        Seal(settings.secret_key.get_secret_value()),
        timedelta(seconds=settings.key_published_ahead_seconds),
        SystemClock(),
        Device(user_agent="command line"),
    )
    try:
        rotation = await (rotate.withdraw() if withdraw else rotate())
    except (DatabaseAway, WrongSecret) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        await database.close()
    sys.stdout.write(_report(rotation))
    return 0


def _report(rotation: Rotation) -> str:
    lines = [f"The key {rotation.kid} signs from {_time(rotation.signs_from)} on."]
    if rotation.retire_at is None:
        lines.append("It was on its way already; nothing has changed.")
    else:
        lines += [
            f"The key {kid} is refused from {_time(rotation.retire_at)} on."
            for kid in rotation.retired
        ]
    return "\n".join([*lines, ""])


def _time(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
