"""What `/openapi.json` says about routes whose bodies are read by hand: the hot ones, and those that
validate raw bytes so that every problem has a pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse as _Json
from pydantic import BaseModel

from services.kernel.limits import NAME_CHARS_MAX
from services.runtime.asgi import HotHandler, as_endpoint

PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "errors": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"pointer": {"type": "string"}, "rule": {"type": "string"}},
                        },
                    },
                },
            }
        }
    },
}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "A name of your choice for this one request of this agent, in visible ASCII characters. For a day at"
        " least the same key with the same body gets the same answer, and nothing is done twice: after a"
        " time-out send both again. The same key with another body is 422. Without a key each request is a"
        " new one."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX, "pattern": r"^[\x21-\x7e]+$"},
}
"""Of every request that goes by `Edge.request`."""


def body_of(model: type[BaseModel] | None) -> dict[str, Any]:
    """The OpenAPI entry of a request body, and of the answer to a wrong one. None: any document."""
    schema: dict[str, Any] = {"type": "object"}
    if model is not None:
        schema = _inlined(model.model_json_schema(by_alias=True))
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}, "responses": {"default": PROBLEM}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its definitions in place, as OpenAPI has no local `$defs`."""
    definitions = schema.pop("$defs", {})

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            return put(definitions[name]) if name else {key: put(inner) for key, inner in value.items()}
        return [put(inner) for inner in value] if isinstance(value, list) else value

    shown: dict[str, Any] = put(schema)
    return shown


def hot_route(
    router: APIRouter,
    method: str,
    path: str,
    handler: HotHandler,
    model: type[BaseModel] | None,
    status: int,
    summary: str,
    headers: Sequence[dict[str, Any]] = (),
) -> None:
    """Describe a hot route: the dispatcher serves it, the application knows it. headers: parameters that
    its handler reads beside those of the path."""
    extra: dict[str, Any] = {"responses": {"default": PROBLEM}}
    if model is not None:
        extra = body_of(model)
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    extra["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ] + [*headers]
    router.add_api_route(
        path,
        as_endpoint(handler),
        methods=[method],
        status_code=status,
        summary=summary,
        openapi_extra=extra,
        response_class=_Json,
    )
