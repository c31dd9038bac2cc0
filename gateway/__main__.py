"""`python -m gateway`: serve, the real API or examples (`USE_MOCK_API=true`)."""

import sys

from gateway.mock.service import serve_mock
from gateway.service import build
from gateway.settings import DoorSettings, GatewaySettings, Mode
from shared.runtime.entry_point import serve
from shared.settings import load_or_exit


def main() -> int:
    """Run the gateway until it is told to end; the exit code."""
    if load_or_exit(Mode).use_mock_api:
        return serve_mock(load_or_exit(DoorSettings))
    settings = load_or_exit(GatewaySettings)
    if settings.amqp_url is None:
        sys.stderr.write("These settings are missing or wrong:\n  AMQP_URL: Field required\n")
        return 2
    return serve("gateway", settings, settings.amqp_url, lambda broker: build(settings, broker))


if __name__ == "__main__":
    sys.exit(main())
