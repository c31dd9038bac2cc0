"""The page of settings: every variable of every process, read from the settings classes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from auth_service.settings import AuthSettings
from content_service.settings import ContentSettings
from deploy.postgres.provision import ProvisionSettings
from deploy.reference.markdown import page, table
from deploy.reference.words import word_for
from deploy.settings import EmbeddedSettings
from gateway.settings import OwnProcessSettings
from jobs_service.settings import JobsSettings
from shared.settings import Settings

READERS: dict[str, type[Settings]] = {
    "gateway": OwnProcessSettings,
    "auth_service": AuthSettings,
    "content_service": ContentSettings,
    "jobs_service": JobsSettings,
    "jobs_service.worker": JobsSettings,
    "madang": EmbeddedSettings,
    "deploy.docker.setup": ProvisionSettings,
}
"""What reads settings, and its class."""

_INTRODUCTION = """\
Every setting is an environment variable. Each can also be given as `NAME_FILE`, the path of a file
that holds the value (`SECRET_KEY_FILE=/run/secrets/key`), and as a line `NAME=value` of a file
`.env` in the working directory. The environment comes first, then the file that is named, then
`.env`; an empty value counts as none. A process that finds a value missing or wrong lists every
mistake by name and ends with status 2.

`madang` is the embedded suite (`make run`, `make demo`). It gives its services their databases,
secret key, broker and storage, and itself listens and logs. All other settings of the services,
such as `ALLOWED_ORIGINS` or `WELCOME_CREDITS`, hold there, too."""

_BOUNDS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable as one or more processes read it."""

    name: str
    type: str
    default: str
    description: str


def settings_page() -> str:
    """The page, with one section for each set of processes that read the same variables."""
    readers: dict[Setting, list[str]] = {}
    for process, cls in READERS.items():
        for setting in settings_of(cls):
            readers.setdefault(setting, []).append(process)
    sections: dict[tuple[str, ...], list[Setting]] = {}
    for setting, processes in readers.items():
        sections.setdefault(tuple(processes), []).append(setting)
    in_order = sorted(sections.items(), key=lambda one: -len(one[0]))
    return page("Settings", _INTRODUCTION, *(_section(*one) for one in in_order))


def settings_of(cls: type[Settings]) -> Iterator[Setting]:
    """The variables that `cls` reads."""
    for name, field in cls.model_fields.items():
        yield Setting(name.upper(), _type_of(field), _default_of(field), field.description or "")


def _section(processes: tuple[str, ...], settings: list[Setting]) -> str:
    rows = (
        (f"`{one.name}`", one.type, one.default, one.description)
        for one in sorted(settings, key=lambda one: one.name)
    )
    heading = ", ".join(f"`{process}`" for process in processes)
    return f"## {heading}\n\n" + table(("Variable", "Type", "Default", "Meaning"), rows)


def _type_of(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(mark, attribute):,}"
        for mark in field.metadata
        for kind, (attribute, sign) in _BOUNDS.items()
        if isinstance(mark, kind)
    ]
    return ", ".join([word_for(field.annotation).removesuffix(" or null"), *bounds])


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default_factory is not None:
        return "see there"
    if field.default in (None, (), {}):
        return ""
    return f"`{_plain(field.default)}`"


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()  # what stands in the source is no secret
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool | Mapping | msgspec.Struct):
        return json.dumps(_as_given(msgspec.to_builtins(value)))
    return str(value)


def _as_given(value: Any) -> Any:
    """Without the name that an object has beside its key: the setting takes the key alone."""
    if not isinstance(value, dict):
        return value
    return {
        key: {field: of for field, of in one.items() if (field, of) != ("name", key)}
        if isinstance(one, dict)
        else one
        for key, one in value.items()
    }
