"""Who may open a connection: checked before it is accepted."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import Scope

from gateway.headers import Fields
from gateway.identity import token_in
from shared.errors import FieldError, Forbidden, Invalid, Malformed

SUBPROTOCOL = "madang"
_BEARER = "bearer."
_TOKEN_PARAMETERS = ("access_token", "token")
_MAX_ID_LENGTH = 64


class TokenInUrl(Malformed):
    """A URL is logged and remembered by everything on its way."""

    code, title = "token_in_url", "An access token may not stand in the URL"


class OriginRefused(Forbidden):
    """A page of another site tried to open a connection in the name of its visitor."""

    code, title = "origin_refused", "Pages of this origin may not open a connection"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client says when it opens a connection; either may be empty."""

    token: str
    last_event_id: str


class Origins:
    """The pages that may open WebSockets, to which CORS does not apply."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def check(self, fields: Fields) -> None:
        """Raise `OriginRefused` for a page of another site; what is no browser sends no origin."""
        origin = fields.get(b"origin")
        if origin is None or origin in self._allowed:
            return
        host = fields.get(b"host", b"")
        if origin not in (b"https://" + host, b"http://" + host):
            given = origin.decode("latin-1")
            raise OriginRefused(f"{given!r} is not among ALLOWED_ORIGINS, nor is it this host.")


def wishes_of_socket(scope: Scope, fields: Fields) -> Wishes:
    """What a WebSocket's handshake says; raises `Malformed`, `Invalid` or `Unauthenticated`."""
    last_id = _last_id_in(scope)
    offered: list[str] = scope["subprotocols"]
    if offered and SUBPROTOCOL not in offered:
        raise Malformed(f"Offer the subprotocol {SUBPROTOCOL!r}, the only one spoken here.")
    tokens = [one.removeprefix(_BEARER) for one in offered if one.startswith(_BEARER)]
    if tokens:
        return Wishes(tokens[0], last_id)
    return Wishes(token_in(fields) if b"authorization" in fields else "", last_id)


def wishes_of_stream(scope: Scope, fields: Fields) -> Wishes:
    """What a request for a stream says; raises `Malformed`, `Invalid` or `Unauthenticated`."""
    last_id = _last_id_in(scope)
    if given := fields.get(b"last-event-id"):
        last_id = _checked(given.decode("latin-1"), "Last-Event-ID")
    return Wishes(token_in(fields), last_id)


def _last_id_in(scope: Scope) -> str:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    for name in _TOKEN_PARAMETERS:
        if name in query:
            raise TokenInUrl(
                f"{name!r} stands in the URL, which is logged on its way: use that token no more, "
                "and send one in the Authorization header, in the subprotocol "
                "'bearer.<token>' or in the first message."
            )
    return _checked(query.get("last_event_id", [""])[0], "last_event_id")


def _checked(last_id: str, name: str) -> str:
    if len(last_id) > _MAX_ID_LENGTH:
        mistake = FieldError(name, f"an event's id has {_MAX_ID_LENGTH} characters at most")
        raise Invalid(errors=(mistake,))
    return last_id
