"""The ids that tie log lines, requests and messages together.

Source of the trace format: W3C Trace Context, `traceparent`.
"""

import re
from contextvars import ContextVar
from random import getrandbits

request_id: ContextVar[str] = ContextVar("request_id", default="")
traceparent: ContextVar[str] = ContextVar("traceparent", default="")

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LEADING_DIGIT = 1 << 192  # so that hex() leaves no zeros out; it is the digit after 0x
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")


def new_request_id() -> str:
    """32 random hexadecimal digits; no secret, and so without a call of the system."""
    return f"{getrandbits(128):032x}"


def accepted_request_id(given: str) -> str:
    """`given` when it is a harmless id (letters, digits, `._-`, at most 64), else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


def child_traceparent(parent: str) -> str:
    """A span of `parent`'s trace, or the first of a new trace when `parent` is no such thing."""
    if parent and _TRACEPARENT.fullmatch(parent):
        return f"{parent[:35]}-{getrandbits(64):016x}-{parent[-2:]}"
    return f"00-{getrandbits(128):032x}-{getrandbits(64):016x}-01"


def bind(given_request_id: str, parent: str) -> str:
    """Make these the ids of the present task: log lines and messages carry them from here on.

    Returns the `traceparent`: a span of the parent's trace.
    """
    request_id.set(given_request_id)
    child = child_traceparent(parent)
    traceparent.set(child)
    return child


def begin(given_id: bytes | None, parent: bytes | None) -> tuple[str, str]:
    """Bind the ids of a new request, from what its client sent, if it can be used.

    Returns the request's id and its `traceparent`. When both are new, the id is the trace's, so
    that one word finds everything.
    """
    if given_id is None and parent is None:
        digits = hex(getrandbits(192) | _LEADING_DIGIT)
        new_id = digits[3:35]
        trace = f"00-{new_id}-{digits[35:]}-01"
        request_id.set(new_id)
        traceparent.set(trace)
        return new_id, trace
    accepted = accepted_request_id((given_id or b"").decode("latin-1"))
    return accepted, bind(accepted, (parent or b"").decode("latin-1"))
