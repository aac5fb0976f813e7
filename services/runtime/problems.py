"""What a caller is told when something is wrong: problem details (RFC 9457), everywhere alike.

Every error leaves the HTTP edge as `application/problem+json` with `type`, `title`, `status`,
`detail` and, for bad fields, `errors: [{pointer, rule}]` where the pointer is RFC 6901.
"""

from __future__ import annotations

import http
import json
import logging
import math
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from services.kernel.errors import Busy, Fenced, Invalid, Problem
from services.runtime.event_log import LogReset

CONTENT_TYPE = "application/problem+json"
PROBLEMS_SHOWN_MAX = 100
"""More problems than these in one body are counted, not listed."""

ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
"""Pattern of a text without control characters."""
NO_NUL = r"^[^\x00]*$"
"""Pattern of any text but NUL, which databases and terminals trip over."""
_PATTERN_RULES = {
    ONE_LINE: "must be on one line, without control characters",
    NO_NUL: "must not contain NUL",
}

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_log = logging.getLogger(__name__)


class Refusal(Exception):
    """The request ends with this problem. `extra` are members beside those of RFC 9457."""

    def __init__(
        self,
        status: int,
        detail: str,
        problems: Sequence[Problem] = (),
        retry_after_s: float | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = problems
        self.retry_after_s = retry_after_s
        self.extra = extra or {}
        self.headers = headers or {}

    def body(self) -> bytes:
        """The problem as JSON."""
        title = http.HTTPStatus(self.status).phrase
        told: dict[str, Any] = {"type": "about:blank", "title": title, "status": self.status}
        told["detail"] = self.detail
        if self.problems:
            shown = self.problems[:PROBLEMS_SHOWN_MAX]
            told["errors"] = [{"pointer": p.pointer, "rule": p.rule} for p in shown]
        told.update(self.extra)
        # ASCII with escapes: whatever was echoed (a lone surrogate even) stays sendable.
        return json.dumps(told, ensure_ascii=True).encode("ascii")

    def header_pairs(self) -> list[tuple[bytes, bytes]]:
        """Headers that go with it, Content-Type included."""
        pairs = [(b"content-type", CONTENT_TYPE.encode())]
        if self.retry_after_s is not None:
            pairs.append((b"retry-after", str(max(1, math.ceil(self.retry_after_s))).encode()))
        pairs += [(k.lower().encode(), v.encode("latin-1", "replace")) for k, v in self.headers.items()]
        return pairs


def refusal_of(error: Exception) -> Refusal:
    """The refusal that an error amounts to. What nobody expected is a 500, and is logged."""
    match error:
        case Refusal():
            return error
        case Busy():
            return Refusal(503, str(error), retry_after_s=error.retry_after_s)
        case Invalid():
            return Refusal(422, str(error), error.problems)
        case Fenced() | LogReset():
            # Not durable, or not known to be: the same again is always safe, all ids follow from it.
            return Refusal(503, "The record may not be stored: send the same again.", retry_after_s=1)
        case ValidationError() | RequestValidationError():
            return invalid(error.errors())
        case HTTPException():
            return Refusal(error.status_code, str(error.detail), headers=dict(error.headers or {}))
    _log.error("a request failed", exc_info=error)
    return Refusal(500, "An error of ours; it is logged.")


def invalid(errors: Sequence[Any]) -> Refusal:
    """The refusal for pydantic's list of errors."""
    if len(errors) == 1 and errors[0]["type"] == "json_invalid":
        return Refusal(400, "The body is not JSON.", [Problem("", _rule(errors[0]))])
    problems = [Problem(pointer(e["loc"]), _rule(e)) for e in errors]
    many = "s" if len(problems) > 1 else ""
    return Refusal(422, f"{len(problems)} problem{many} in the request.", problems)


def pointer(location: Sequence[str | int]) -> str:
    """The JSON pointer of a place in a document."""
    if location and location[-1] == "[key]":  # pydantic's way to say that the key itself is wrong
        location = location[:-1]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _rule(error: Any) -> str:
    pattern = error.get("ctx", {}).get("pattern", "")
    return _PATTERN_RULES.get(pattern) or str(error["msg"]).removeprefix("Value error, ")


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """Every method that the path answers (RFC 9110 section 15.5.6): a path may have several routes."""
    found = []
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] == Match.FULL for route in app.routes):
            found += ["GET", "HEAD"] if method == "GET" else [method]
    return found


def install(app: FastAPI) -> None:
    """Make every error of a FastAPI application leave as problem details."""

    async def handler(request: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        if refusal.status == http.HTTPStatus.METHOD_NOT_ALLOWED:
            refusal.headers["Allow"] = allowed = ", ".join(_allowed(app, request))
            refusal.detail = f"This path takes {allowed} only."
        elif refusal.status == http.HTTPStatus.NOT_FOUND and isinstance(error, HTTPException):
            refusal.detail = "There is nothing at this path: /openapi.json lists what there is."
        headers = {k.decode(): v.decode("latin-1") for k, v in refusal.header_pairs()}
        return Response(refusal.body(), refusal.status, headers)

    for kind in (Refusal, Busy, Invalid, Fenced, LogReset, RequestValidationError, ValidationError):
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(HTTPException, handler)
    app.add_exception_handler(Exception, handler)
