"""Which answer a client wants, by the `Prefer` header (RFC 7240)."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.headers import HeaderList
from shared.errors import Malformed


class PreferenceUnknown(Malformed):
    """Mock mode is asked for an answer that is not documented."""

    code, title = "preference_unknown", "There is no such documented answer"

    def __init__(self, name: str = "", wanted: str | None = "", known: Sequence[str] = ()) -> None:
        choice = ", ".join(known) or "none"
        super().__init__(
            f"No answer here has the {name} {wanted!r}; documented are: {choice}." if name else ""
        )


@dataclass(frozen=True, slots=True)
class Preferences:
    """The status, and the name of the example, that are wanted; None stands for the usual one."""

    code: str | None = None
    example: str | None = None

    @property
    def applied(self) -> HeaderList:
        """What tells the client that its wish was granted."""
        granted = [("code", self.code), ("example", self.example)]
        said = ", ".join(f"{name}={value}" for name, value in granted if value is not None)
        return [(b"preference-applied", said.encode("latin-1"))] if said else []


USUAL = Preferences()


def preferences_in(headers: HeaderList) -> Preferences:
    """What the request prefers; what is not known here is ignored, as the RFC wants it."""
    given = [value.decode("latin-1") for name, value in headers if name == b"prefer"]
    if not given:
        return USUAL
    found: dict[str, str] = {}
    for preference in ",".join(given).replace(";", ",").split(","):
        name, _, value = preference.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    wanted = Preferences(found.get("code"), found.get("example"))
    return USUAL if wanted == USUAL else wanted
