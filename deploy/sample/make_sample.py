"""Makes the sample video: `python -m deploy.sample.make_sample`, with Debian's flite installed.

The text is spoken by a synthetic voice, sentence by sentence; the picture is a courtyard with one
gate, and a row of bars that shows the sound. The result is committed, so nobody needs to run this
to use it.
"""

import io
import re
import subprocess
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

HERE = Path(__file__).parent
TEXT = HERE / "welcome.txt"
VIDEO = HERE / "welcome.mp4"

VOICE = "awb"
RATE = 16_000
PAUSE = 0.6
"""Seconds of silence that are added after each sentence."""
ROOM_TONE = 6.0
"""The standard deviation of the noise that any real recording has, in 16-bit steps."""
WIDTH, HEIGHT, FRAME_RATE = 640, 360, 12

_SKY, _SUN = (250, 236, 214), (232, 120, 72)
_ROOF, _WALL, _DOOR = (64, 74, 88), (226, 206, 178), (139, 94, 60)
_GROUND, _BAR = (206, 178, 138), (47, 128, 118)
_LETTERS = {
    "M": ("10001", "11011", "10101", "10101", "10001"),
    "A": ("01110", "10001", "11111", "10001", "10001"),
    "D": ("11110", "10001", "10001", "10001", "11110"),
    "N": ("10001", "11001", "10101", "10011", "10001"),
    "G": ("01111", "10000", "10111", "10001", "01111"),
}

Picture = NDArray[np.uint8]
Samples = NDArray[np.int16]


def main() -> None:
    """Write the video next to its text."""
    samples = _speak(TEXT.read_text())
    with av.open(VIDEO, "w", options={"movflags": "faststart"}) as container:
        picture = container.add_stream("libx264", FRAME_RATE, {"crf": "30", "preset": "veryslow"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.codec_context.time_base = Fraction(1, FRAME_RATE)
        sound = container.add_stream("aac", RATE, layout="mono")
        sound.bit_rate = 64_000
        for number, drawn in enumerate(_pictures(samples)):
            frame = VideoFrame.from_ndarray(drawn, "rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        frame_of_sound = AudioFrame.from_ndarray(samples[np.newaxis, :], "s16", "mono")
        frame_of_sound.sample_rate, frame_of_sound.pts = RATE, 0
        container.mux(sound.encode(frame_of_sound))
        container.mux(sound.encode(None))


def _speak(text: str) -> Samples:
    pause = np.zeros(int(PAUSE * RATE), np.int16)
    parts = [pause]
    for sentence in re.findall(r"[^.]+\.", text):
        parts += [_sentence(sentence.strip()), pause]
    tone = np.random.default_rng(0).normal(0, ROOM_TONE, sum(map(len, parts)))
    mixed = np.concatenate(parts) + tone
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def _sentence(text: str) -> Samples:
    command = ["flite", "-voice", VOICE, "-t", text, "-o", "/dev/stdout"]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def _pictures(samples: Samples) -> Iterator[Picture]:
    """The courtyard while the sun wanders over it and the bars follow the voice."""
    window = RATE // FRAME_RATE
    count = len(samples) // window
    loudness = np.abs(samples[: count * window].reshape(count, window).astype(float)).mean(axis=1)
    heights = (60 * loudness / loudness.max()).astype(int)
    house = _house()
    for number in range(count):
        drawn = np.full((HEIGHT, WIDTH, 3), _SKY, np.uint8)
        _sun(drawn, 60 + 520 * number // count)
        drawn[house.any(axis=2)] = house[house.any(axis=2)]
        for bar, height in enumerate(heights[max(0, number - 39) : number + 1][::-1]):
            left = WIDTH - 26 - 15 * bar
            drawn[338 - height : 340, left : left + 9] = _BAR
        yield drawn


def _sun(drawn: Picture, x: int) -> None:
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    y = 70 + (x - 320) ** 2 // 2600
    drawn[(rows - y) ** 2 + (columns - x) ** 2 < 26**2] = _SUN


def _house() -> Picture:
    """Three wings around the yard, the gate in front; black is transparent."""
    drawn = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    drawn[250:] = _GROUND
    for left, right, top in ((90, 550, 150), (60, 190, 190), (450, 580, 190)):
        drawn[top + 26 : 250, left + 16 : right - 16] = _WALL
        for row in range(26):  # a roof that curves outwards to its eaves
            slope = row * row // 26
            drawn[top + row, left + 26 - slope : right - 26 + slope] = _ROOF
        for door in range(left + 30, right - 40, 46):
            drawn[top + 40 : 250, door : door + 20] = _DOOR
    for number, letter in enumerate("MADANG"):
        mask = np.kron([[int(dot) for dot in row] for row in _LETTERS[letter]], np.ones((4, 4)))
        left = 250 + 25 * number
        drawn[258:278, left : left + 20][mask.astype(bool)] = _ROOF
    return drawn


if __name__ == "__main__":
    main()
