"""`python -m gateway`: serve."""

import sys

from gateway.service import build
from gateway.settings import GatewaySettings
from shared.runtime.entry_point import serve
from shared.settings import load_or_exit


def main() -> int:
    """Run the gateway until it is told to end; the exit code."""
    settings = load_or_exit(GatewaySettings)
    if settings.amqp_url is None:
        sys.stderr.write("These settings are missing or wrong:\n  AMQP_URL: Field required\n")
        return 2
    return serve("gateway", settings, settings.amqp_url, lambda broker: build(settings, broker))


if __name__ == "__main__":
    sys.exit(main())
