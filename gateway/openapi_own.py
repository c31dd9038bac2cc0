"""What the gateway answers itself, as OpenAPI."""

from typing import Any, Literal

import msgspec

from gateway.health import FullReport, Part
from gateway.info import Features, Info
from gateway.realtime import openapi as realtime
from shared.http.problems import ProblemBody
from shared.version import VERSION

_REF = "#/components/schemas/{name}"


def _described(summary: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    media = {"application/json": {"schema": schema, "example": example}}
    return {"description": summary, "content": media}


def _path(summary: str, responses: dict[str, Any], name: str) -> dict[str, Any]:
    operation = {
        "operationId": f"gateway_{name}",
        "summary": summary,
        "tags": ["health"],
        "responses": responses,
    }
    return {"get": operation}


def _strings(*names: str) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": properties, "required": list(names)}


def _full_reports() -> tuple[FullReport, FullReport]:
    """All is well; and: a service and the broker cannot be reached."""
    well: dict[str, Part | Literal["healthy"]] = {
        "api": "healthy",
        "auth": Part("healthy", 4.1),
        "content": Part("healthy", 4.8),
        "jobs": Part("healthy", 4.3),
        "cache": Part("healthy", 0.0, "in memory"),
        "database": Part("healthy", 1.2),
        "broker": Part("healthy", 2.6),
        "storage": Part("healthy", 0.9),
    }
    broken: dict[str, Part | Literal["healthy"]] = {
        "jobs": Part("unhealthy", 3.1, "ConnectError"),
        "broker": Part("unhealthy", 1000.4, "no answer within 1 s (content)"),
        "content": Part("degraded", 1003.2, "without broker"),
    }
    return FullReport("healthy", well), FullReport("unhealthy", well | broken)


def own() -> tuple[dict[str, Any], dict[str, Any]]:
    """Our paths, and the schemas they refer to."""
    (full, described, *_), schemas = msgspec.json.schema_components(
        [FullReport, Info, ProblemBody, *realtime.SCHEMAS], ref_template=_REF
    )
    well, ill = _full_reports()
    running = {"message": "Madang is running", "status": "running"}
    alive = {"status": "healthy", "service": "gateway"}
    alive_schema = _strings("status", "service")
    alive_schema["properties"]["mock"] = {"type": "boolean", "description": "In mock mode only."}
    features = Features(docs=True, mock=False, realtime=True, cache=True)
    about = Info("madang", VERSION, "production", features)
    paths = {
        "/": _path(
            "A friendly word",
            {"200": _described("It runs", _strings("message", "status"), running)},
            "root",
        ),
        "/health": _path(
            "Whether the gateway is alive",
            {"200": _described("It is", alive_schema, alive)},
            "health",
        ),
        "/api/health": _path(
            "Whether the gateway is alive",
            {"200": _described("It is", alive_schema, alive)},
            "api_health",
        ),
        "/api/info": _path(
            "Name, version, environment and features of what runs here",
            {"200": _described("This runs", described, msgspec.to_builtins(about))},
            "info",
        ),
        "/health/full": _path(
            "The state of everything behind the gateway",
            {
                "200": _described(
                    "All that is needed works; `degraded` without broker or cache",
                    full,
                    msgspec.to_builtins(well),
                ),
                "503": _described("Something needed is down", full, msgspec.to_builtins(ill)),
            },
            "health_full",
        ),
    }
    paths |= realtime.paths()
    # as the services' schemas arrive: msgspec leaves Python defaults such as () in its own
    return paths, msgspec.json.decode(msgspec.json.encode(schemas))
