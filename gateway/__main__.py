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
    return 0


if __name__ == "__main__":
    sys.exit(main())
