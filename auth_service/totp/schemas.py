"""Authenticator apps on the wire."""

from io import BytesIO
from typing import Annotated

import msgspec
import segno
from msgspec import Meta

from auth_service.totp.domain import enrolment_uri
from auth_service.totp.use_cases import Enrolment

_PIXELS_PER_MODULE = 4


class EnrolmentView(msgspec.Struct, frozen=True):
    """What an app needs: to be typed in, as a link, and as a picture to be scanned."""

    secret: Annotated[str, Meta(description="base32, for apps that cannot scan")]
    otpauth_uri: str
    qr_svg: Annotated[str, Meta(description="an SVG image of the link as a QR code")]

    @classmethod
    def of(cls, enrolment: Enrolment) -> "EnrolmentView":
        """The view of `enrolment`."""
        return cls(enrolment.secret, enrolment.uri, qr_svg(enrolment.uri))


class ConfirmTotpRequest(msgspec.Struct, frozen=True):
    """The six digits that the app shows."""

    code: Annotated[str, Meta(max_length=16)]


def qr_svg(text: str) -> str:
    """A QR code, dark on light whatever the page's colours, with the margin that scanners need."""
    image = BytesIO()
    segno.make_qr(text, error="m").save(
        image, "svg", scale=_PIXELS_PER_MODULE, border=4, dark="#000", light="#fff", xmldecl=False
    )
    return image.getvalue().decode()


_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - an example
EXAMPLE_ENROLMENT = EnrolmentView(
    _SECRET,
    enrolment_uri(_SECRET, "mina@example.com", "Madang"),
    '<svg xmlns="http://www.w3.org/2000/svg" width="196" height="196">…</svg>',
)
