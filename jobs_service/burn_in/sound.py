"""The sound of the copy: the packets of the original, or AAC where an MP4 cannot hold these."""

from collections.abc import Iterator
from typing import Final, Protocol

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet

_COPIED: Final = frozenset({"aac", "mp3", "opus", "flac", "alac", "ac3", "eac3"})
"""What players take from an MP4."""
_BIT_RATE = 160_000


class Voice(Protocol):
    """One sound track of the copy."""

    def taken(self, packet: "Packet[AudioStream]") -> Iterator["Packet[AudioStream]"]:
        """What the copy gets for a packet of the original; an empty one ends the track."""
        ...


def voice_of(stream: AudioStream, copy: OutputContainer, origin: float) -> Voice:
    """A track of the copy for one of the original, which begins at `origin` seconds."""
    if stream.codec_context.codec.canonical_name in _COPIED:
        return _Copied(stream, copy, origin)
    return _Encoded(stream, copy, origin)


class _Copied:
    def __init__(self, stream: AudioStream, copy: OutputContainer, origin: float) -> None:
        self._stream = copy.add_stream_from_template(stream)
        self._shift = round(origin / stream.time_base) if stream.time_base else 0

    def taken(self, packet: "Packet[AudioStream]") -> Iterator["Packet[AudioStream]"]:
        if packet.dts is None or packet.size == 0:
            return
        packet.dts -= self._shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - self._shift
        packet.stream = self._stream
        yield packet


class _Encoded:
    def __init__(self, stream: AudioStream, copy: OutputContainer, origin: float) -> None:
        rate = stream.rate if stream.rate in (44_100, 48_000) else 48_000
        layout = "mono" if stream.channels == 1 else "stereo"
        self._stream = copy.add_stream("aac", rate=rate, layout=layout, bit_rate=_BIT_RATE)
        self._source = stream
        self._origin = origin
        self._graph: Graph | None = None
        self._filters = (
            ("aresample", f"{rate}:async=1"),  # what is missing becomes silence
            ("aformat", f"sample_fmts=fltp:channel_layouts={layout}"),
            ("asetnsamples", f"n={self._stream.frame_size or 1024}:p=0"),
        )

    def taken(self, packet: "Packet[AudioStream]") -> Iterator["Packet[AudioStream]"]:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            frames = []  # a damaged piece is silent
        for frame in frames:
            yield from self._heard(frame)
        if packet.size == 0:
            yield from self._ended()

    def _heard(self, frame: AudioFrame) -> Iterator["Packet[AudioStream]"]:
        if frame.pts is not None and frame.time_base:
            frame.pts -= round(self._origin / frame.time_base)
        if self._graph is None:
            self._graph = self._composed(frame)
        self._graph.push(frame)
        yield from self._pulled(self._graph)

    def _ended(self) -> Iterator["Packet[AudioStream]"]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled(self._graph)
            yield from self._stream.encode(None)

    def _pulled(self, graph: Graph) -> Iterator["Packet[AudioStream]"]:
        while True:
            try:
                frame = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame):
                yield from self._stream.encode(frame)

    def _composed(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format,
            layout=frame.layout,
            time_base=frame.time_base,
        )
        made = [graph.add(name, how) for name, how in self._filters]
        graph.link_nodes(source, *made, graph.add("abuffersink")).configure()
        return graph
