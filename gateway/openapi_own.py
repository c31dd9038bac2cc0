"""What the gateway answers itself, as OpenAPI."""

from typing import Any

import msgspec

from gateway.health import FullReport, Part
from gateway.info import Features, Info
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


def own() -> tuple[dict[str, Any], dict[str, Any]]:
    """Our paths, and the schemas they refer to."""
    (full, described, _), schemas = msgspec.json.schema_components(
        [FullReport, Info, ProblemBody], ref_template=_REF
    )
    well = FullReport("healthy", {"api": "healthy", "database": Part("healthy", 1.2)})
    ill = FullReport(
        "unhealthy", {"api": "healthy", "auth": Part("unhealthy", 3.1, "ConnectError")}
    )
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
                "200": _described("All that is needed works", full, msgspec.to_builtins(well)),
                "503": _described("Something needed is down", full, msgspec.to_builtins(ill)),
            },
            "health_full",
        ),
    }
    # as the services' schemas arrive: msgspec leaves Python defaults such as () in its own
    return paths, msgspec.json.decode(msgspec.json.encode(schemas))
