"""Settings of captions in the picture."""

import json
from pathlib import Path
from typing import Any

import pylopdf_fonts_ko
from PIL import ImageFont
from pydantic import Field, field_validator

from shared.settings import ServiceSettings


class BurnInSettings(ServiceSettings):
    """What captions are drawn with."""

    burn_in_fonts: tuple[Path, ...] = Field(
        (),
        description="Files of fonts (TrueType, OpenType, or collections of them) for captions in "
        "the picture, a JSON array, or separated by commas: of each line the first font that has "
        "all its letters is used, and last of all Noto Sans KR, which is included. It has the "
        "letters of Korean, Vietnamese, Russian, and of western and northern Europe.",
    )

    @field_validator("burn_in_fonts", mode="before")
    @classmethod
    def _fonts_as_list(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("["):
            return [one.strip() for one in value.split(",") if one.strip()]
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"{value!r} begins like a JSON array and is none: {error}") from None

    @field_validator("burn_in_fonts")
    @classmethod
    def _check_fonts(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for path in value:
            if not path.is_absolute():
                raise ValueError(f"{path} must be an absolute path")
            try:
                ImageFont.truetype(str(path), 20)
            except OSError as error:
                raise ValueError(f"{path} cannot be read as a font: {error}") from None
        return value

    @property
    def caption_fonts(self) -> tuple[str, ...]:
        """The paths of all fonts, those to be preferred first."""
        return (*map(str, self.burn_in_fonts), str(pylopdf_fonts_ko.sans_path()))
