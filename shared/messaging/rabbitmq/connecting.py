"""Connecting to RabbitMQ: one way for the broker and for work on dead letters."""

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.connection import make_url

CONNECT_TIMEOUT = 5.0
_HEARTBEAT = 15
"""Seconds; a peer that is silent for three of them is gone."""


async def connect(url: str, name: str) -> AbstractConnection:
    """A connection under a `name` that RabbitMQ shows.

    As `aio_pika.connect`, which leaves a connection that failed to its finaliser: that closes it
    whenever garbage is collected, in a task of nobody.
    """
    connection = aio_pika.Connection(
        make_url(url, heartbeat=_HEARTBEAT),
        client_properties={"connection_name": name},
        heartbeat=_HEARTBEAT,
    )
    try:
        await connection.connect(timeout=CONNECT_TIMEOUT)
    except BaseException:
        await connection.close()
        raise
    return connection
