"""Files that are made to harm whoever examines them, each as small as it can be."""

import struct
import zlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tests.support.media import make_media


def png(width: int, height: int) -> bytes:
    """A picture whose header promises gigabytes, and that has next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def film_of_one_picture(width: int, height: int, *, honest: bool = True) -> bytes:
    """A QuickTime file whose only frame has that many pixels; its header says so if `honest`."""
    content = _muxed("mov", [(0, png(width, height))])
    at = content.index(b"png \0\0\0\0\0\0") + 28  # of a VisualSampleEntry (ISO 14496-12, 12.1.3)
    told = struct.pack(">HH", width, height)
    return content[:at] + told + content[at + 4 :] if honest else content


def film_of_hours(hours: float) -> bytes:
    """A Matroska file of two frames, hours apart, that does not say how long it lasts."""
    return _muxed("matroska", [(0, _jpeg()), (round(hours * 3600), _jpeg())])


def film_before_time(seconds: int) -> bytes:
    """A QuickTime file whose three frames, a second each, were shown before it began."""
    return _muxed("mov", [(at - seconds, _jpeg()) for at in range(3)], {"use_editlist": "0"})


def film_without_frames() -> bytes:
    """A QuickTime file that has a track for a picture, and nothing on it."""
    return _muxed("mov", [])


def film_without_time() -> bytes:
    """A Matroska file whose only frame lasts no time."""
    content = _muxed("matroska", [(0, _jpeg())])
    at = content.index(bytes.fromhex("23e38384"))  # DefaultDuration, of 4 bytes
    return content[:at] + ebml_void(8) + content[at + 8 :]


def _muxed(
    container: str, frames: list[tuple[int, bytes]], options: dict[str, str] | None = None
) -> bytes:
    """Pictures as frames, each at its second, of a film that claims to be small."""
    file = BytesIO()
    codec = "png" if frames and frames[0][1].startswith(b"\x89PNG") else "mjpeg"
    with av.open(file, "w", format=container, options=options or {}) as output:
        stream = output.add_stream(codec, rate=1)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = 16, 16
        stream.pix_fmt = "rgb24" if codec == "png" else "yuvj420p"
        output.start_encoding()
        for second, content in frames:
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1)
            packet.pts = packet.dts = second
            packet.is_keyframe = True
            output.mux(packet)
    return file.getvalue()


def _jpeg() -> bytes:
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 16, 16, "yuvj420p"
    encoder.time_base = Fraction(1)
    frame = av.VideoFrame(16, 16, "yuvj420p")
    return b"".join(bytes(one) for one in (*encoder.encode(frame), *encoder.encode(None)))


def ebml_void(size: int) -> bytes:
    """An element that says nothing and takes `size` bytes."""
    return b"\xec" + bytes([0x80 | size - 2]) + bytes(size - 2)


def ebml(kind: str, body: bytes) -> bytes:
    """An element of Matroska (RFC 8794): its id in hexadecimal, its length, and what it holds."""
    return bytes.fromhex(kind) + (0x01 << 56 | len(body)).to_bytes(8) + body


def matroska_of_streams(count: int) -> bytes:
    """A Matroska file of that many sound tracks, the first of which has a moment of silence."""
    tracks = b"".join(_track(number + 1) for number in range(count))
    silence = ebml("1f43b675", ebml("e7", b"\0") + ebml("a3", b"\x81\0\0\x80" + bytes(1600)))
    segment = ebml("1549a966", ebml("2ad7b1", b"\x0f\x42\x40")) + ebml("1654ae6b", tracks) + silence
    return ebml("1a45dfa3", ebml("4282", b"matroska")) + ebml("18538067", segment)


def _track(number: int) -> bytes:
    sound = ebml("b5", struct.pack(">d", 8000)) + ebml("9f", b"\1") + ebml("6264", b"\x10")
    ids = ebml("d7", number.to_bytes(2)) + ebml("73c5", number.to_bytes(2)) + ebml("83", b"\2")
    return ebml("ae", ids + ebml("86", b"A_PCM/INT/LIT") + ebml("e1", sound))


def mp3_with_cover(folder: Path, width: int, height: int) -> bytes:
    """A sound recording with a cover picture of that many pixels (ID3v2.3, 4.15)."""
    cover = b"\0image/png\0\3\0" + png(width, height)
    frame = b"APIC" + struct.pack(">I", len(cover)) + b"\0\0" + cover
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    sound = make_media(folder / "sound.mp3", picture=False).read_bytes()
    return b"ID3\3\0\0" + size + frame + sound


def mp4_with_metadata(folder: Path, count: int) -> bytes:
    """A good MP4 with `count` bytes of metadata."""
    content = make_media(folder / "plain.mp4").read_bytes()
    return content + struct.pack(">I4s", count + 8, b"uuid") + b"x" * count


def page_within_mp4(folder: Path) -> bytes:
    """A good MP4 with a web page in it, for browsers that guess."""
    page = b"<html><script>alert(document.domain)</script></html>"
    content = make_media(folder / "polyglot.mp4").read_bytes()
    return content + struct.pack(">I4s", len(page) + 8, b"free") + page
