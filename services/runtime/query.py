"""What a request may ask for behind its `?`."""

from __future__ import annotations

from collections import Counter

from fastapi import Request
from fastapi.routing import APIRoute

from services.kernel.errors import Problem
from services.runtime.problems import Refusal, pointer


def known(request: Request) -> None:
    """For every read of the API: raise Refusal 422 if it names a parameter that its route does not have, or
    one twice. What is not understood must not be passed over: `?sate=open` would list everything."""
    route = request.scope["route"]
    is_read = request.method in ("GET", "HEAD") and isinstance(route, APIRoute)
    if not is_read or not route.path.startswith("/v1/"):
        return
    names = [field.alias for field in route.dependant.query_params]
    if wrong := sorted(set(request.query_params) - {*names}):
        rule = f"is unknown here; known: {', '.join(names)}" if names else "is unknown: this takes none"
        problems = [Problem(pointer(("query", name)), rule) for name in wrong]
        raise Refusal(422, "The query names what there is not.", problems)
    counts = Counter(name for name, _ in request.query_params.multi_items())
    if twice := sorted(name for name, count in counts.items() if count > 1):
        problems = [Problem(pointer(("query", name)), "must be given once") for name in twice]
        raise Refusal(422, "The query says something twice.", problems)
