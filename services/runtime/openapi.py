"""What `/openapi.json` says: what is asked for, as the bodies' models check it, and what is answered.

Bodies are read by hand, as bytes, so that every problem has a pointer; answers are made of views. So both
are described here beside the handlers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.kernel.limits import NAME_CHARS_MAX
from services.runtime.answers import Problem
from services.runtime.asgi import HotHandler, as_endpoint

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457); 429 and 503 with Retry-After",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""Of every operation."""
KEY_SCHEME = "key"
"""Name of the security scheme."""
KEYED = "/v1/desks"
"""Where whatever begins with it asks for a key."""
EVENT_STREAM = "text/event-stream"

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


class EventStream(JSONResponse):
    """Only to say so of a route: its model says by an event's name what the event's data is."""

    media_type = EVENT_STREAM


def answer_of(model: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with a model (or a list of one)."""
    return {status: {"model": model}}


def body_of(model: type[BaseModel], *media_types: str) -> dict[str, Any]:
    """The OpenAPI entry of a request body: JSON, and in which other forms it is taken."""
    schema = _inlined(model.model_json_schema(by_alias=True))
    content = {media: {"schema": schema} for media in ("application/json", *media_types)}
    return {"requestBody": {"required": True, "content": content}}


class Described(FastAPI):
    """An application that says of itself what `document` does; it is made once, when somebody asks."""

    def openapi(self) -> dict[str, Any]:
        """See FastAPI."""
        if self.openapi_schema is None:
            self.openapi_schema = document(self)
        return self.openapi_schema


def document(app: FastAPI) -> dict[str, Any]:
    """What `/openapi.json` says: FastAPI's description, and what it does not know of ours."""
    made: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        description="Times are RFC 3339 with offset. Fields are only ever added.",
        routes=app.routes,
    )
    components = made.setdefault("components", {})
    problem = Problem.model_json_schema(mode="serialization")
    components.setdefault("schemas", {}).update(Problem=_inlined(problem))
    components["securitySchemes"] = {KEY_SCHEME: {"type": "http", "scheme": "bearer"}}
    made["security"] = [{KEY_SCHEME: []}]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _tidied(operation)
            if not path.startswith(KEYED):
                operation["security"] = []
    return made


def _tidied(operation: dict[str, Any]) -> None:
    """Name an operation by its first sentence, and say what is answered once, not twice."""
    if text := operation.get("description", ""):
        operation["summary"] = " ".join(text.split()).partition(". ")[0].rstrip(".")
    for answer in operation["responses"].values():
        for media, content in answer.get("content", {}).items():
            schema = _referred(content["schema"])
            if media == EVENT_STREAM:
                schema = {"type": "string", "contentMediaType": media, "contentSchema": schema}
            content["schema"] = schema


def _referred(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what FastAPI puts beside a reference: the type of the handler's own answer."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    return {"type": "array", "items": _referred(schema["items"])} if "items" in schema else schema


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
    answer: type[BaseModel] | None,
    status: int,
    summary: str,
    headers: Sequence[dict[str, Any]] = (),
    response_class: type[JSONResponse] = JSONResponse,
) -> None:
    """Describe a hot route: the dispatcher serves it, the application knows it. headers: parameters that
    its handler reads beside those of the path. Without a model, whatever the other side has agreed."""
    extra: dict[str, Any] = body_of(model) if model is not None else {}
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
        responses=answer_of(answer, status) if answer is not None else None,
        response_class=response_class,
    )
