"""Wire types of caption tracks."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from jobs_service.captions.cues import MAX_TEXT, clean_lines
from jobs_service.captions.domain import Cue, Transcript, Word
from jobs_service.captions.formats import FORMATS, CaptionFile
from jobs_service.captions.importing import FileFormat
from jobs_service.captions.quality import Quality, assess
from jobs_service.captions.rules import AUDIENCES, Audience, rules_for
from jobs_service.captions.track import Track
from jobs_service.tracks.adding import ImportedTrack
from jobs_service.tracks.differences import CueChange, differences
from jobs_service.tracks.domain import CaptionTrack, Change, Content, Origin, Version
from shared.http.paging import PageQuery
from shared.security.principal import UserId

Extension = Literal["vtt", "srt", "ttml", "json", "txt"]
LanguageTag = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        max_length=35,
        description="A language by its tag (BCP 47): `en`, `ko`, `pt-BR`.",
    ),
]
_Seconds = Annotated[float, Meta(description="Seconds from the start of the video.")]
_Text = Annotated[
    str, Meta(max_length=2 * MAX_TEXT, description="Line breaks are where the lines break.")
]
_Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class TracksQuery(PageQuery, frozen=True):
    """A page of tracks, of all or of some."""

    video_id: UUID | None = None
    language: str | None = None
    origin: Origin | None = None

    def which(self) -> dict[str, Any]:
        """What the tracks that are asked for have in common, by column."""
        asked = {"video_id": self.video_id, "language": self.language, "origin": self.origin}
        return {name: value for name, value in asked.items() if value is not None}


class TrackView(msgspec.Struct, frozen=True):
    """A track as its owner sees it; `version` is the newest, and `quality` the report on it.

    `translated_from` is the track of which it is a translation.
    """

    id: UUID
    video_id: UUID
    job_id: UUID | None
    translated_from: UUID | None
    language: str
    audience: Audience
    origin: Origin
    version: int
    created_at: datetime
    updated_at: datetime
    quality: Quality

    @classmethod
    def of(cls, track: CaptionTrack, quality: Quality) -> Self:
        """The view of `track`."""
        return cls(**_facts(track), quality=quality)


class CueView(msgspec.Struct, frozen=True):
    """A cue; `number` counts from 1, times are seconds from the start of the video."""

    number: int
    start: float
    end: float
    text: str


class TrackWithCues(TrackView, frozen=True, kw_only=True):
    """A track with the cues of its newest version."""

    cues: list[CueView]

    @classmethod
    def showing(cls, track: CaptionTrack, content: Content) -> Self:
        """The view of `track` and of its newest version."""
        quality = content.version.quality
        return cls(**_facts(track), quality=quality, cues=cues_shown(content.cues))


class VersionView(msgspec.Struct, frozen=True):
    """One version; `restored_from` is the version whose cues it took."""

    version: int
    change: Change
    restored_from: int | None
    created_at: datetime
    quality: Quality

    @classmethod
    def of(cls, version: Version) -> Self:
        """The view of `version`."""
        return cls(
            version.number,
            version.change,
            version.restored_from,
            version.created_at,
            version.quality,
        )


class VersionWithCues(VersionView, frozen=True, kw_only=True):
    """A version with its cues."""

    cues: list[CueView]

    @classmethod
    def showing(cls, content: Content) -> Self:
        """The view of `content`."""
        return cls(
            **msgspec.structs.asdict(VersionView.of(content.version)),
            cues=cues_shown(content.cues),
        )


class VersionList(msgspec.Struct, frozen=True):
    """The versions that are kept, newest first."""

    items: list[VersionView]


class NewCue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cue as it is to be; its `number` is not looked at: cues are in the order of times."""

    start: _Seconds
    end: _Seconds
    text: _Text
    number: int | None = None

    def cue(self) -> Cue:
        """With the text that can be kept, and times in whole milliseconds."""
        return Cue(round(self.start, 3), round(self.end, 3), clean_lines(self.text))


class NewCues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All cues of a new version; `version` is the one that was read and edited."""

    cues: list[NewCue]
    version: _Number | None = None

    def as_kept(self) -> tuple[Cue, ...]:
        """The cues; for 10,000 it takes half a second."""
        return tuple(cue.cue() for cue in self.cues)


class CueFix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different in one cue; `version` is the one that was read."""

    text: _Text | None = None
    start: _Seconds | None = None
    end: _Seconds | None = None
    version: _Number | None = None

    def mend(self, cue: Cue) -> Cue:
        """`cue` with what is given."""
        return Cue(
            cue.start if self.start is None else round(self.start, 3),
            cue.end if self.end is None else round(self.end, 3),
            cue.lines if self.text is None else clean_lines(self.text),
        )


class Restoring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version is to be the newest again."""

    restore: Annotated[int, Meta(ge=1, le=2**31 - 1, description="The version to go back to.")]
    version: _Number | None = None


class VersionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version of a track; the newest when left out."""

    version: _Number | None = None


class DifferenceQuery(PageQuery, frozen=True):
    """Which two versions to compare; the newest is the second one when left out."""

    from_: Annotated[_Number, Meta(description="The earlier version.")] = msgspec.field(
        default=1, name="from"
    )
    to: _Number | None = None


class Differences(msgspec.Struct, frozen=True):
    """A page of the changes from one version to another."""

    before: int
    after: int
    items: list[CueChange]
    next_cursor: str | None


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose captions a file holds, and for whom."""

    video_id: UUID
    language: LanguageTag
    audience: Audience = "adult"


class ImportView(msgspec.Struct, frozen=True):
    """The new track, and how its file was read: cues without a text were left out; `late` ones
    begin after the end of the video."""

    track: TrackWithCues
    format: FileFormat
    encoding: str
    empty_cues: int
    late_cues: int

    @classmethod
    def of(cls, imported: ImportedTrack) -> Self:
        """The view of what was imported."""
        return cls(
            TrackWithCues.showing(imported.track, imported.content),
            imported.reading.format,
            imported.reading.encoding,
            imported.reading.empty,
            imported.reading.late,
        )


def cues_shown(cues: tuple[Cue, ...]) -> list[CueView]:
    """Cues with their numbers."""
    return [
        CueView(number, cue.start, cue.end, "\n".join(cue.lines))
        for number, cue in enumerate(cues, 1)
    ]


def _facts(track: CaptionTrack) -> dict[str, Any]:
    facts = msgspec.structs.asdict(track)
    del facts["owner_id"]
    facts["translated_from"] = facts.pop("source_id")
    return facts


_CUES = (
    Cue(0.5, 2.4, ("Welcome to the courtyard.",)),
    Cue(2.9, 5.6, ("Every room does one thing only,", "and it does that one thing well.")),
)
_WORDS = (Word("Welcome", 0.5, 0.98, 0.99), Word("to", 0.98, 1.1, 0.97))
_OLD_CUES = (
    Cue(0.5, 2.4, ("Welcome to the court yard.",)),
    Cue(2.9, 5.6, ("Every room does one thing only,", "and it does that one thing well.")),
)
_MADE = datetime(2026, 1, 2, 3, 4, 17, tzinfo=UTC)
_QUALITY = assess(_CUES, rules_for("en"))
_EXAMPLE_FILE_TRACK = Track(Transcript("en", "sphinx", 6.0, _WORDS), _CUES, _QUALITY)
EXAMPLE_FILE = CaptionFile.of(_EXAMPLE_FILE_TRACK)
EXAMPLE_FILES = {
    form.media_type: form.write(_EXAMPLE_FILE_TRACK).decode()
    for extension, form in FORMATS.items()
    if extension != "json"
}
"""By media type."""
_EXAMPLE = CaptionTrack(
    id=UUID("0199c0de-a1b2-7c3d-8e4f-5a6b7c8d9e0f"),
    owner_id=UserId(UUID("0199c0de-0000-7aaa-8bbb-222233334444")),
    video_id=UUID("0199c0de-1111-7aaa-8bbb-222233334444"),
    job_id=UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5b"),
    source_id=None,
    language="en",
    audience=AUDIENCES[0],
    origin="recognised",
    version=2,
    created_at=_MADE,
    updated_at=datetime(2026, 1, 2, 3, 9, 0, tzinfo=UTC),
)
_CONTENT = Content(Version(2, "edited", None, _EXAMPLE.updated_at, _QUALITY), _CUES)
EXAMPLE_TRACK = TrackView.of(_EXAMPLE, _QUALITY)
EXAMPLE_TRACK_WITH_CUES = TrackWithCues.showing(_EXAMPLE, _CONTENT)
EXAMPLE_VERSION = VersionWithCues.showing(_CONTENT)
EXAMPLE_VERSIONS = VersionList([VersionView.of(_CONTENT.version)])
EXAMPLE_DIFFERENCES = Differences(1, 2, list(differences(_OLD_CUES, _CUES)), None)
EXAMPLE_NEW_CUES = NewCues(
    [
        NewCue(0.5, 2.4, "Welcome to the courtyard."),
        NewCue(2.9, 5.6, "Every room does\none thing."),
    ],
    version=1,
)
EXAMPLE_FIX = CueFix(text="Welcome to the courtyard.", version=1)
EXAMPLE_RESTORING = Restoring(restore=1, version=2)
EXAMPLE_IMPORT = ImportView(
    msgspec.structs.replace(
        EXAMPLE_TRACK_WITH_CUES, job_id=None, origin="imported", version=1, updated_at=_MADE
    ),
    "srt",
    "cp949",
    0,
    0,
)
