"""Requests that may be sent twice: the second is answered as the first."""

from shared.errors import Conflict, Invalid


class RequestInProgress(Conflict):
    """The same Idempotency-Key is being worked on at this moment."""

    code, title = "request_in_progress", "A request with this Idempotency-Key is under way"


class KeyReused(Invalid):
    """An Idempotency-Key came back with a different request."""

    code, title = "idempotency_key_reused", "This Idempotency-Key belongs to a different request"
