"""The price list, as data: credits for minutes of video and for tokens of text."""

import math
from typing import Annotated

import msgspec

_Credits = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class PriceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Credits for each started minute of a video, and for each started thousand tokens."""

    captions_per_minute: _Credits = 1
    translation_per_minute: _Credits = 1
    burn_in_per_minute: _Credits = 1
    text_per_1000_prompt_tokens: _Credits = 1
    text_per_1000_completion_tokens: _Credits = 2

    def captions(self, seconds: float) -> int:
        """Captions of a video of this length."""
        return self.captions_per_minute * _started_minutes(seconds)

    def translation(self, seconds: float) -> int:
        """Captions of a video of this length in another language."""
        return self.translation_per_minute * _started_minutes(seconds)

    def burn_in(self, seconds: float) -> int:
        """A copy of a video of this length with its captions in the picture."""
        return self.burn_in_per_minute * _started_minutes(seconds)

    def text(self, prompt_tokens: int, completion_tokens: int) -> int:
        """A text of so many tokens, asked for with so many; at least one credit if any cost."""
        thousandths = (
            prompt_tokens * self.text_per_1000_prompt_tokens
            + completion_tokens * self.text_per_1000_completion_tokens
        )
        return math.ceil(thousandths / 1000)


def _started_minutes(seconds: float) -> int:
    return max(1, math.ceil(seconds / 60))
