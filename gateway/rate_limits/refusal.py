"""The error of those who ask too often."""

from shared.errors import TooMany


class RateLimited(TooMany):
    """A bucket is empty; `Retry-After` says in how many seconds it holds a token again."""

    code, title = "rate_limited", "Too many requests in a short time"
