"""Plans: what somebody may upload and keep, and for how long.

Which plan is theirs is in their token: guests have `guest`, who has the scope `plan:pro` (the role
`pro` gives it) has `pro`, all others have `free`.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from shared.errors import Conflict, TooLarge
from shared.security.access import PLAN
from shared.security.principal import Principal

_MIB: Final = 1024**2
_GIB: Final = 1024**3
LARGEST_FILE: Final = 5 * _GIB
"""What S3 renames in one go (see `Storage.move`)."""

_Bytes = Annotated[int, Meta(ge=1, le=LARGEST_FILE)]


class VideoTooLarge(TooLarge):
    """The file exceeds the plan's limit in bytes."""

    code, title = "video_too_large", "The video is too large"


class TooManyVideos(Conflict):
    """The owner keeps as many videos as the plan allows."""

    code, title = "too_many_videos", "You keep as many videos as your plan allows"


class QuotaExceeded(Conflict):
    """The file does not fit into what the plan allows to be kept."""

    code, title = "quota_exceeded", "This does not fit into the space of your plan"


class Plan(msgspec.Struct, frozen=True):
    """The limits of one plan: of a file, and of all that is kept at the same time."""

    name: str
    max_bytes: int
    max_seconds: float
    total_bytes: int
    videos: int
    retention_days: float

    @property
    def retention(self) -> timedelta:
        """How long a video is kept."""
        return timedelta(days=self.retention_days)


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the setting says about a plan; what is left out stays as it is built in."""

    max_bytes: _Bytes | None = None
    max_seconds: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    total_bytes: Annotated[int, Meta(ge=1, le=1 << 62)] | None = None
    videos: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    retention_days: Annotated[float, Meta(gt=0, le=36_500)] | None = None


Plans = Mapping[str, Plan]
"""By name."""

BUILT_IN: Final[Plans] = {
    plan.name: plan
    for plan in (
        Plan("guest", 200 * _MIB, 4 * 3600.0, 1 * _GIB, 5, 7.0),
        Plan("free", LARGEST_FILE, 4 * 3600.0, 20 * _GIB, 200, 7.0),
        Plan("pro", LARGEST_FILE, 8 * 3600.0, 500 * _GIB, 5_000, 30.0),
    )
}


class Used(msgspec.Struct, frozen=True):
    """What an owner keeps, uploads under way included."""

    videos: int
    bytes: int


class Limits:
    """The plans of an installation; no file is larger than `max_bytes`, whoever sends it."""

    def __init__(self, plans: Plans, max_bytes: int = LARGEST_FILE) -> None:
        self._plans = {
            name: msgspec.structs.replace(plan, max_bytes=min(plan.max_bytes, max_bytes))
            for name, plan in plans.items()
        }

    def of(self, caller: Principal) -> Plan:
        """The caller's plan."""
        if caller.guest:
            return self._plans["guest"]
        return self._plans["pro" if f"{PLAN}pro" in caller.scopes else "free"]

    def named(self, name: str) -> Plan:
        """The plan under which a video was uploaded."""
        return self._plans[name]


def check_size(plan: Plan, size: int) -> None:
    """Raise `VideoTooLarge` when a file has, or has so far, more bytes than `plan` allows."""
    if size > plan.max_bytes:
        raise VideoTooLarge(
            f"The plan {plan.name} takes videos of up to {plan.max_bytes} bytes, and this one has "
            f"{size} or more{_advice(plan, ';')}.",
            members={"allowed_bytes": plan.max_bytes},
        )


def check_room(plan: Plan, used: Used, size: int) -> None:
    """Raise `TooManyVideos` or `QuotaExceeded` unless one more video of `size` bytes has room
    beside what is `used`."""
    if used.videos >= plan.videos:
        raise TooManyVideos(
            f"The plan {plan.name} keeps {plan.videos} videos at a time: delete one{_advice(plan)}."
        )
    if used.bytes + size > plan.total_bytes:
        raise QuotaExceeded(
            f"The plan {plan.name} keeps {plan.total_bytes} bytes; {used.bytes} are used, and this "
            f"video has {size}: delete some{_advice(plan)}.",
            members={"used_bytes": used.bytes, "allowed_bytes": plan.total_bytes},
        )


def _advice(plan: Plan, comma: str = ", or") -> str:
    return f"{comma} register for more" if plan.name == "guest" else ""


def plans_in(given: str) -> dict[str, Plan]:
    """The built-in plans with the changes of a JSON object by plan; raises ValueError with every
    mistake."""
    try:
        entries = msgspec.json.decode(given, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is no JSON object of plans: {error}") from None
    plans, refused = dict(BUILT_IN), []
    for name, entry in entries.items():
        try:
            plans[name] = _changed(name, entry)
        except ValueError as error:
            refused.append(f"{name}: {error}")
    if refused:
        raise ValueError("\n".join(refused))
    return plans


def _changed(name: str, entry: object) -> Plan:
    if name not in BUILT_IN:
        raise ValueError(f"there is no such plan; the plans are {_listed(BUILT_IN)}")
    changes = msgspec.convert(entry, Changes)
    given = {field: value for field in Changes.__struct_fields__
             if (value := getattr(changes, field)) is not None}  # fmt: skip
    return msgspec.structs.replace(BUILT_IN[name], **given)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
