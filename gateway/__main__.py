"""`python -m gateway`: serve."""

import sys

import httpx

from gateway.service import build
from gateway.settings import GatewaySettings
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.observability.logging import configure
from shared.runtime.process import run
from shared.runtime.service import Component, Service
from shared.settings import load_or_exit


def main() -> int:
    """Run the gateway until it is told to end; the exit code."""
    settings = load_or_exit(GatewaySettings)
    if settings.amqp_url is None:
        sys.stderr.write("These settings are missing or wrong:\n  AMQP_URL: Field required\n")
        return 2
    configure("gateway", settings.log_level, pretty=settings.debug)
    broker = RabbitMQBroker(settings.amqp_url.get_secret_value(), name="gateway")
    gateway = build(settings, broker, auth=httpx.AsyncClient(base_url=settings.auth_url))
    consumer = Service("broker", gateway.app, components=(Component("consumer", broker.run),))
    return run(
        [gateway, consumer],
        gateway.app,
        host=settings.host,
        port=settings.port,
        drain_seconds=settings.drain_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
