"""Makes an avatar of an uploaded picture; runs in a limited child process (hostile input).

The picture is decoded and painted anew, so that nothing of the file is left but what can be seen:
no position, no camera, no script, no second file that hides in it.
"""

import io
import warnings

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

SIDE = 256
"""Pixels: the avatar is a square of this size."""
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class Painted(msgspec.Struct, frozen=True):
    """The avatar as WebP, or why there is none."""

    webp: bytes = b""
    fault: str = ""


def main(argument: bytes) -> Painted:
    """The avatar of the picture in `argument`, a file."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        return Painted(webp=_paint(argument))
    except UnidentifiedImageError:
        return Painted(fault="The file is no PNG, JPEG, WebP or GIF picture.")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Painted(fault=f"The picture may have {MAX_PIXELS:,} pixels at most.")
    except (OSError, ValueError, SyntaxError, IndexError, EOFError):  # what Pillow's decoders raise
        return Painted(fault="The picture is damaged or cut off.")


def _paint(file: bytes) -> bytes:
    with Image.open(io.BytesIO(file), formats=FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture)
        square = ImageOps.fit(upright.convert("RGBA"), (SIDE, SIDE), Image.Resampling.LANCZOS)
    painted = io.BytesIO()
    square.save(painted, "WEBP", quality=85)
    return painted.getvalue()
