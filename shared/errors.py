"""Errors by category: what a use case raises, and HTTP and messaging translate.

A feature names its own errors by subclassing a category and giving a stable `code`::

    class VideoNotFound(NotFound):
        code = "video_not_found"
        title = "There is no such video"

    raise VideoNotFound(f"No video of yours has the id {video_id}.")
"""

from typing import ClassVar

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises where there is none: no JSON, not UTF-8, or nested too deeply."""


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field of the input: its dotted path and what would be right."""

    field: str
    message: str


class Problem(Exception):  # noqa: N818 - the RFC 9457 term
    """An error that the caller can understand; `status`, `code` and `title` are its contract."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    retriable: ClassVar[bool] = False
    """Whether trying the same message again later can succeed."""

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
        members: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.headers = headers or {}
        self.members = members or {}
        """What a client needs to go on, beside the standard members (RFC 9457, 3.2)."""


class Malformed(Problem):
    """The request cannot be read at all (RFC 9110, 15.5.1)."""

    status, code, title = 400, "malformed_request", "The request cannot be read"


class Unauthenticated(Problem):
    """The caller has not proved who they are."""

    status, code, title = 401, "unauthenticated", "A valid access token is required"


class PaymentRequired(Problem):
    """The caller has too few credits."""

    status, code, title = 402, "payment_required", "Not enough credits"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status, code, title = 403, "forbidden", "You may not do this"


class NotFound(Problem):
    """The thing does not exist, or is not the caller's to see."""

    status, code, title = 404, "not_found", "There is no such thing"


class MethodNotAllowed(Problem):
    """The path exists and does not answer this method."""

    status, code, title = 405, "method_not_allowed", "This path does not answer this method"


class Conflict(Problem):
    """The request contradicts the present state."""

    status, code, title = 409, "conflict", "The request contradicts the present state"


class Gone(Problem):
    """The thing existed and has been removed for good."""

    status, code, title = 410, "gone", "This has been removed"


class PreconditionFailed(Problem):
    """A condition of the request is not met by what is there now (RFC 9110, 15.5.13)."""

    status, code, title = 412, "precondition_failed", "What is there now is not what you expect"


class TooLarge(Problem):
    """The body exceeds its limit in bytes."""

    status, code, title = 413, "too_large", "The request is too large"


class UnsupportedType(Problem):
    """The body's type, judged by its content, is not accepted here."""

    status, code, title = 415, "unsupported_type", "This type of content is not accepted"


class RangeNotSatisfiable(Problem):
    """The requested byte range lies outside the representation (RFC 9110, 15.5.17)."""

    status, code, title = 416, "range_not_satisfiable", "The requested range lies outside the file"


class Invalid(Problem):
    """The input can be read and breaks a rule; `errors` names every wrong field."""

    status, code, title = 422, "invalid_input", "The input is not valid"


class TooMany(Problem):
    """The caller must slow down; `Retry-After` says for how long."""

    status, code, title = 429, "too_many_requests", "Too many requests"


class BadGateway(Problem):
    """An upstream answered with something that is no HTTP."""

    status, code, title = 502, "bad_gateway", "A service behind the gateway answered wrongly"
    retriable = True


class Unavailable(Problem):
    """Something needed is away for now; the same request may succeed later."""

    status, code, title = 503, "unavailable", "The service is not available right now"
    retriable = True


class GatewayTimeout(Problem):
    """An upstream took too long."""

    status, code, title = 504, "gateway_timeout", "A service behind the gateway took too long"
    retriable = True
