"""What a request may ask for behind its `?`."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from services.kernel.errors import Problem
from services.runtime.problems import Refusal, pointer


def known(request: Request) -> None:
    """For every read of the API: raise Refusal 422 if it names a parameter that its route does not have. What
    is not understood must not be passed over: `?sate=open` would list everything."""
    route = request.scope["route"]
    is_read = request.method in ("GET", "HEAD") and isinstance(route, APIRoute)
    if not is_read or not route.path.startswith("/v1/"):
        return
    names = [field.alias for field in route.dependant.query_params]
    if wrong := sorted(set(request.query_params) - {*names}):
        rule = f"is unknown here; known: {', '.join(names)}" if names else "is unknown: this takes none"
        problems = [Problem(pointer(("query", name)), rule) for name in wrong]
        raise Refusal(422, "The query names what there is not.", problems)
