"""Examines a media file; runs in a limited child process, since the file is hostile input.

The demuxer is given by the caller and nothing but the file may be opened: FFmpeg must not guess
that an upload is a playlist that names other files or servers.
"""

import math
import struct
from pathlib import Path

import av
import msgspec
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from content_service.videos.domain import MediaFacts, Reason
from content_service.videos.poster import Drawn, Shape, draw
from content_service.videos.probe_messages import ProbeResult, ProbeTask

_DECLARING = frozenset({"mov", "matroska"})
"""Demuxers that read the duration from the header; the others guess it from the bit rate."""
_BOXES = frozenset({b"moov", b"mdat", b"moof"})
MAX_PIXELS = 8192 * 4320
"""Of a picture: a small file may hold one that takes gigabytes to decode."""
_SMALL_PICTURES = {"max_pixels": str(MAX_PIXELS)}
_TRUNCATED_SHARE = 0.05
_TRUNCATED_SECONDS = 1.0


class _Rejected(Exception):  # noqa: N818 - an outcome, told to the user
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code, text)


def main(argument: bytes) -> ProbeResult:
    """Examine the file of the `ProbeTask` that `argument` encodes."""
    try:
        return probe(msgspec.json.decode(argument, type=ProbeTask))
    except _Rejected as rejected:
        return ProbeResult(rejection=rejected.reason)


def probe(task: ProbeTask) -> ProbeResult:
    """What the file holds, and its poster; raises `_Rejected`."""
    if task.demuxer == "mov":
        _require_whole_boxes(Path(task.path))
    try:
        with av.open(
            task.path,
            format=task.demuxer,
            options={"protocol_whitelist": "file", **_SMALL_PICTURES},
            metadata_errors="replace",
        ) as container:
            return _examined(container, task)
    except FFmpegError as error:
        raise _Rejected(
            "not_media", f"The file is damaged or cut off: {error.strerror or error}."
        ) from error


def _require_whole_boxes(path: Path) -> None:
    """FFmpeg reads as much of a cut-off MP4 as there is; we want all (ISO 14496-12, 4.2)."""
    length = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while len(header := file.read(16)) >= 8:
            size, kind = struct.unpack_from(">I4s", header)
            if size == 1 and len(header) == 16:
                (size,) = struct.unpack_from(">Q", header, 8)
            if kind in _BOXES and at + size > length:
                raise _Rejected("truncated", "The file is cut off: it ends within a box.")
            if size < 8:
                return  # the last box, which goes to the end of the file; or padding
            at += size
            file.seek(at)


def _examined(container: InputContainer, task: ProbeTask) -> ProbeResult:
    if len(container.streams) > task.max_streams:
        raise _Rejected(
            "too_many_streams",
            f"The file has {len(container.streams)} streams or more; up to {task.max_streams} are "
            "read.",
        )
    video = next((one for one in container.streams.video if not _is_cover(one)), None)
    audio = next(iter(container.streams.audio), None)
    tracks: list[Stream] = [one for one in (video, audio) if one is not None]
    for one in tracks:
        one.codec_context.thread_count = 1  # threads reserve address space, which is limited
        one.codec_context.options = _SMALL_PICTURES
    if not tracks:
        raise _Rejected("no_streams", "The file holds neither a picture nor a sound track.")
    seconds = _duration(container, tracks, task)
    drawn = _drawn(container, video, seconds) if video else None
    shape = drawn.shape if drawn else video and _told(video)
    rate = video and video.average_rate
    facts = MediaFacts(
        duration_seconds=round(seconds, 3),
        width=shape.width if shape else None,
        height=shape.height if shape else None,
        video_codec=video.codec_context.name if video else None,
        audio_codec=audio.codec_context.name if audio else None,
        frame_rate=round(float(rate), 3) if rate else None,
    )
    return ProbeResult(facts=facts, poster=drawn.jpeg if drawn else None)


def _told(video: VideoStream) -> Shape | None:
    """The shape by the header alone: that of a picture which cannot be decoded is not known."""
    return Shape(video.width, video.height) if video.width and video.height else None


def _drawn(container: InputContainer, video: VideoStream, seconds: float) -> Drawn | None:
    """The poster; a video that can be read goes without one where none can be drawn."""
    try:
        return draw(container, video, seconds)
    except (FFmpegError, MemoryError):
        return None


def _is_cover(stream: Stream) -> bool:
    """Whether a "video" is the picture on the cover of a recording."""
    return bool(stream.disposition & Disposition.attached_pic)


def _duration(container: InputContainer, tracks: list[Stream], task: ProbeTask) -> float:
    """Seconds, as counted by reading every packet; what the header says is compared with it."""
    declared = _declared(container, tracks) if task.demuxer in _DECLARING else 0.0
    if declared > task.max_seconds:
        raise _too_long(declared, task.max_seconds)
    found = _counted(container, tracks, task.max_seconds)
    if declared - found > max(_TRUNCATED_SECONDS, declared * _TRUNCATED_SHARE):
        raise _Rejected(
            "truncated",
            f"The file says it lasts {declared:.1f} s and ends after {found:.1f} s: it is cut off.",
        )
    return found


def _declared(container: InputContainer, tracks: list[Stream]) -> float:
    each = [float(one.duration * one.time_base) for one in tracks if one.duration and one.time_base]
    return max(each, default=(container.duration or 0) / av.time_base)


def _counted(container: InputContainer, tracks: list[Stream], limit: float) -> float:
    """Seconds from the first packet's begin to the last one's end."""
    start, end = math.inf, -math.inf
    unproved = {one.index for one in tracks}
    for packet in container.demux(*tracks):
        if packet.stream.index in unproved and _decodes(packet):
            unproved.remove(packet.stream.index)
        at = packet.dts if packet.pts is None else packet.pts
        if at is None:
            continue  # the empty packet that ends a track
        start = min(start, float(at * packet.time_base))
        end = max(end, float((at + (packet.duration or 0)) * packet.time_base))
        if end - start > limit:
            raise _too_long(end - start, limit)
    if len(unproved) == len(tracks):
        raise _Rejected(
            "not_media",
            "Neither picture nor sound of the file can be decoded: it is damaged, or its picture "
            f"has more than {MAX_PIXELS:,} pixels.",
        )
    if end <= start:
        raise _Rejected("no_duration", "The file lasts no time at all: nothing in it is played.")
    return end - start


def _decodes(packet: "Packet[Stream]") -> bool:
    """Whether a frame comes out of the track with this packet, as proof that it can be read."""
    try:
        return bool(packet.decode())
    except FFmpegError:
        return False  # a damaged packet: the next ones may be sound


def _too_long(seconds: float, limit: float) -> _Rejected:
    return _Rejected(
        "too_long", f"It lasts {seconds / 60:.0f} minutes; the limit is {limit / 60:.0f}."
    )
