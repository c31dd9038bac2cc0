"""`/metrics`: everything that is counted, for Prometheus and for nobody else."""

import hmac
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from gateway.metrics.sources import Source
from gateway.networks import address_in
from gateway.settings import DoorSettings
from shared.errors import Forbidden, Unauthenticated

_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


class MetricsForbidden(Forbidden):
    """The caller may not be who the metrics are for, and there is no token to prove it."""

    code, title = "metrics_forbidden", "The metrics are not for everybody"


class MetricsTokenWrong(Unauthenticated):
    """The token for the metrics is missing or another one."""

    code, title = "metrics_token_wrong", "The metrics need their token"


class Readers:
    """Who may read the metrics: who has the token, or without one, who is near.

    Near is this machine; `private` adds private networks, in which a port that Docker or a load
    balancer opens to everybody makes strangers appear, too.
    """

    def __init__(self, token: SecretStr | None, *, private: bool) -> None:
        self._expected = None if token is None else f"Bearer {token.get_secret_value()}".encode()
        self._private = private

    def admit(self, request: Request) -> None:
        """Raise `MetricsForbidden` or `MetricsTokenWrong` for anybody else."""
        if self._expected is None:
            if not self._is_near(request):
                raise MetricsForbidden(
                    "Set METRICS_TOKEN and send it as a bearer token. Without one, only direct "
                    f"requests from {self._nearness} are answered."
                )
            return
        given = request.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, self._expected):
            raise MetricsTokenWrong(
                "Send METRICS_TOKEN as a bearer token.",
                headers={"www-authenticate": 'Bearer realm="metrics"'},
            )

    @property
    def _nearness(self) -> str:
        return "this machine or a private network" if self._private else "this machine"

    def _is_near(self, request: Request) -> bool:
        if request.client is None or any(name in request.headers for name in _FORWARDED):
            return False
        address = address_in(request.client.host)
        if address is None:
            return False
        return address.is_loopback or (self._private and address.is_private)


def readers_of(settings: DoorSettings) -> Readers:
    """In production nobody is near but this machine."""
    return Readers(settings.metrics_token, private=settings.environment != "production")


class MetricsPage:
    """Answers with what `sources` and the process say at that moment."""

    def __init__(self, sources: Iterable[Source], readers: Readers) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Sources(sources))
        ProcessCollector(registry=self._registry)
        self._readers = readers

    async def page(self, request: Request) -> Response:
        """`/metrics`, in the text format, or as OpenMetrics where that is accepted."""
        self._readers.admit(request)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": content_type})


class _Sources(Collector):
    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = tuple(sources)

    def collect(self) -> Iterable[Metric]:
        for source in self._sources:
            yield from source()

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry looks at names only to find them used twice."""
        return ()
