"""Which files are videos or recordings: judged by their first bytes, never by name.

Sources: the WHATWG MIME Sniffing standard, 6.2, and each container's own specification.
"""

from collections.abc import Callable

import msgspec

from shared.errors import UnsupportedType

HEAD_BYTES = 4096
"""How much of a file `recognise` wants to see."""

ACCEPTED = "MP4, MOV, M4V, M4A, WebM, MKV, AVI, MPEG-TS, Ogg, WAV or MP3"
_TS_PACKET = 188


class UnsupportedMedia(UnsupportedType):
    """The file is neither a video nor a recording that we read."""

    code, title = "unsupported_media", "This is not a video or sound file we can read"


class MediaType(msgspec.Struct, frozen=True):
    """A container: its content type, and FFmpeg's name of what reads it."""

    content_type: str
    demuxer: str


MP4 = MediaType("video/mp4", "mov")
M4A = MediaType("audio/mp4", "mov")
QUICKTIME = MediaType("video/quicktime", "mov")
WEBM = MediaType("video/webm", "matroska")
MATROSKA = MediaType("video/x-matroska", "matroska")
AVI = MediaType("video/x-msvideo", "avi")
MPEG_TS = MediaType("video/mp2t", "mpegts")
OGG = MediaType("application/ogg", "ogg")
WAV = MediaType("audio/wav", "wav")
MP3 = MediaType("audio/mpeg", "mp3")

_DEMUXERS = {
    kind.content_type: kind.demuxer
    for kind in (MP4, M4A, QUICKTIME, WEBM, MATROSKA, AVI, MPEG_TS, OGG, WAV, MP3)
}
_EXTENSIONS = {
    MP4: (".mp4", ".m4v", ".3gp", ".3g2", ".mov"),
    M4A: (".m4a", ".m4b", ".m4p", ".mp4"),
    QUICKTIME: (".mov", ".qt", ".mp4"),
    WEBM: (".webm",),
    MATROSKA: (".mkv", ".mka"),
    AVI: (".avi",),
    MPEG_TS: (".ts", ".m2ts", ".mts"),
    OGG: (".ogg", ".ogv", ".oga", ".opus"),
    WAV: (".wav",),
    MP3: (".mp3",),
}
_EXTENSIONS_BY_TYPE = {kind.content_type: found for kind, found in _EXTENSIONS.items()}


def extensions_of(content_type: str) -> tuple[str, ...]:
    """How names of files of this type end, the usual way first."""
    return _EXTENSIONS_BY_TYPE[content_type]


def demuxer_of(content_type: str) -> str:
    """FFmpeg's demuxer for a content type that `recognise` gave."""
    return _DEMUXERS[content_type]


def recognise(head: bytes) -> MediaType:
    """The container that begins with `head`; raises `UnsupportedMedia`."""
    for test in _TESTS:
        if (found := test(head)) is not None:
            return found
    kind = "a text" if _is_text(head) else "something else"
    raise UnsupportedMedia(f"Send {ACCEPTED}. By its content, this file is {kind}.")


def _iso(head: bytes) -> MediaType | None:
    """ISO base media (ISO 14496-12): a `ftyp` box, or an old QuickTime file without one."""
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return QUICKTIME
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"):
        return None  # pictures
    if brand == b"qt  ":
        return QUICKTIME
    return M4A if brand in (b"M4A ", b"M4B ", b"M4P ") else MP4


def _matroska(head: bytes) -> MediaType | None:
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    return WEBM if b"webm" in head[:64] else MATROSKA


def _riff(head: bytes) -> MediaType | None:
    if head[:4] not in (b"RIFF", b"RF64"):
        return None
    return {b"AVI ": AVI, b"WAVE": WAV}.get(head[8:12])


def _mpeg_ts(head: bytes) -> MediaType | None:
    """The sync byte 0x47 begins every packet of 188 bytes (ISO 13818-1, 2.4.3.2)."""
    marks = head[: _TS_PACKET * 5 : _TS_PACKET]
    return MPEG_TS if len(marks) >= 2 and set(marks) == {0x47} else None


def _ogg(head: bytes) -> MediaType | None:
    return OGG if head.startswith(b"OggS\0") else None


def _mp3(head: bytes) -> MediaType | None:
    """An ID3v2 tag, or the header of an MPEG layer III frame (ISO 11172-3, 2.4.1.3)."""
    if head.startswith(b"ID3") and len(head) > 10:
        return MP3
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    valid = head[1] & 0x18 != 0x08 and head[2] & 0xF0 not in (0x00, 0xF0) and head[2] & 0x0C != 0x0C
    return MP3 if valid else None


_TESTS: tuple[Callable[[bytes], MediaType | None], ...] = (
    _iso, _matroska, _riff, _mpeg_ts, _ogg, _mp3,
)  # fmt: skip


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A head that ends within a character is text all the same.
        return len(head) >= HEAD_BYTES and error.start >= len(head) - 3
    return b"\0" not in head
