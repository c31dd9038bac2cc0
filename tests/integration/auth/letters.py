"""The letters that wait for the postman, opened as the postman does."""

from urllib.parse import urlsplit

import msgspec
from sqlalchemy import text

from auth_service.mail.domain import Letter, Template
from shared.security.box import Box
from tests.integration.auth.conftest import SECRET, Auth


async def letters_to(auth: Auth, recipient: str) -> list[Letter]:
    """All that wait for that address, in the order of their writing; "" for those to nobody."""
    rows = await auth.database.all(text("SELECT id, sealed FROM mails ORDER BY id"))
    box = Box(SECRET, "mails")
    opened = [
        msgspec.json.decode(box.open(row.sealed, row.id.bytes), type=Letter)
        for row in rows
        if row.sealed
    ]
    return [letter for letter in opened if letter.recipient == recipient]


async def letter_to(auth: Auth, recipient: str, template: Template) -> Letter:
    """The last one of that kind."""
    found = [one for one in await letters_to(auth, recipient) if one.template == template]
    assert found, f"no {template} for {recipient}"
    return found[-1]


async def token_for(auth: Auth, recipient: str, template: Template) -> str:
    """The secret in the link of the last letter of that kind."""
    link = (await letter_to(auth, recipient, template)).values["link"]
    return urlsplit(link).fragment.removeprefix("token=")
