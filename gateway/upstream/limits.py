"""How long, and how much, one upstream is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, and numbers of connections and of requests that wait for one."""

    connect: float = 3.0
    silence: float = 60.0
    """Without a byte in either direction."""
    total: float = 6 * 3600.0
    """For a whole exchange: five gigabytes over a slow line take hours."""
    queue: float = 5.0
    """For a free connection."""
    idle: float = 60.0
    """Less than the 75 s after which our services close a quiet connection, so that it is us who
    close it and no request meets a connection that is being closed."""
    connections: int = 256
    waiting: int = 1024

    @property
    def tick(self) -> float:
        """How often time-outs are looked at: exact to a quarter of the shortest, or a second."""
        return min(1.0, self.silence / 4, self.total / 4, self.idle / 4)
