"""The Authorization header of a request (RFC 6750, 2.1)."""

from shared.errors import Unauthenticated


def bearer_token(header: str | None) -> str:
    """The token that the header holds; raises `Unauthenticated`, also when there is no header."""
    if header is None:
        raise Unauthenticated("Send an access token as 'Authorization: Bearer <token>'.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("The Authorization header must read 'Bearer <token>'.")
    return token
