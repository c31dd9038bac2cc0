"""Bodies for what is no JSON and has no documented example: short, and what they claim to be."""

import io
import wave
from collections.abc import Mapping

_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
_WEBP = bytes.fromhex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")
_JPEG = bytes.fromhex(
    "ffd8ffdb0043000804040404040505050505050606060606060606060606060607070708080807070706"
    "060707080808080909090808080809090a0a0a0c0c0b0b0e0e0e111114ffc4004a000100000000000000"
    "000000000000000000010100000000000000000000000000000000100100000000000000000000000000"
    "000000110100000000000000000000000000000000ffc00011080008000803012200021100031100ffda"
    "000c03010002110311003f00000fffd9"
)
_PICTURES: Mapping[str, bytes] = {"image/webp": _WEBP, "image/jpeg": _JPEG, "image/png": _PNG}
_TEXTS: Mapping[str, str] = {
    "text/csv": "name,value\nexample,1\n",
    "text/html": "<!doctype html><title>Example</title>\n",
    "text/event-stream": 'retry: 60000\nid: 1\nevent: example\ndata: {"example": true}\n\n',
}
SUFFIXES: Mapping[str, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "srt": "application/x-subrip",
    "ttml": "application/ttml+xml",
    "txt": "text/plain",
    "vtt": "text/vtt",
}
"""What the end of a path says about the type of its answer."""


def content(media_type: str) -> tuple[str, bytes]:
    """A concrete type out of `media_type`, which may be a range such as `video/*`, and a body.

    A recording is a second of silence, which every player plays.
    """
    if (text := _TEXTS.get(media_type)) is not None:
        return _with_charset(media_type), text.encode()
    kind = media_type.partition("/")[0]
    if kind in ("audio", "video"):
        return "audio/wav", _silence()
    if kind == "image":
        kind = media_type if media_type in _PICTURES else "image/png"
        return kind, _PICTURES[kind]
    if kind == "text":
        return _with_charset(media_type), b"good day\n"
    concrete = "application/octet-stream" if "*" in media_type else media_type
    return concrete, b"example"


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _silence() -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(1)
        recording.setframerate(8000)
        recording.writeframes(b"\x80" * 8000)
    return made.getvalue()
