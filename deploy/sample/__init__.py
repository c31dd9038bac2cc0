"""A small video with speech."""

from pathlib import Path

SAMPLE = Path(__file__).with_name("welcome.mp4")
