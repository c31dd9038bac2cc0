"""What becomes of an event whose handler failed."""

import msgspec

from shared.errors import Problem


def is_final(error: BaseException) -> bool:
    """Whether trying again cannot help: broken data, or a problem that is not retriable."""
    if isinstance(error, Problem):
        return not error.retriable
    return isinstance(error, msgspec.DecodeError)


def reason(error: BaseException) -> str:
    """One line for the dead letter: what kind of error, and what it said."""
    name = error.code if isinstance(error, Problem) else type(error).__name__
    return f"{name}: {error}"[:1000]
