"""`python -m gateway`: serve, the real API or examples (`USE_MOCK_API=true`)."""

import sys

from gateway.mock.service import serve_mock
from gateway.service import build
from gateway.settings import DoorSettings, Mode, OwnProcessSettings
from shared.runtime.entry_point import serve
from shared.settings import BadSettings, load, load_or_exit


def main() -> int:
    """Run the gateway until it is told to end; the exit code."""
    if _wants_examples():
        return serve_mock(load_or_exit(DoorSettings))
    settings = load_or_exit(OwnProcessSettings)
    return serve("gateway", settings, settings.amqp_url, lambda broker: build(settings, broker))


def _wants_examples() -> bool:
    try:
        return load(Mode).use_mock_api
    except BadSettings:  # will be listed together with the rest
        return False


if __name__ == "__main__":
    sys.exit(main())
