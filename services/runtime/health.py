"""What an orchestrator and a monitor ask every process: /livez, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from services.runtime.metrics import CONTENT_TYPE
from services.runtime.problems import Refusal

if TYPE_CHECKING:
    from services.runtime.main import App


def add_to(app: App) -> None:
    """Hang the routes onto the App, let the dispatcher count, and answer 503 until the App is ready.

    These themselves are not counted: whoever watches asks all day, also while a process is not ready, and
    would outweigh or spoil the share of requests that fail.
    """
    router = APIRouter(tags=["process"])
    known: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
    requests, durations = app.metrics.requests, app.metrics.request_seconds

    def observe(template: str, status: int, seconds: float) -> None:
        if template in routes:
            return
        found = known.get((template, status))
        if found is None:
            edge = "webhook" if template.startswith("/v1/webhooks") else "http"
            route = template or "other"
            count = requests.labels(edge, route, str(status)).inc
            found = known[template, status] = (count, durations.labels(edge, route).observe)
        found[0]()
        found[1](seconds)

    def ready() -> bool:
        """Whether requests are let in; one that is not counts as turned away."""
        is_ready = app.ready()
        if not is_ready:
            app.metrics.turned_away.labels("restoring").inc()
        return is_ready

    async def livez() -> Response:
        """Whether the process runs."""
        return Response(b"ok\n", media_type="text/plain")

    async def readyz() -> Response:
        """Whether every loop owns its partition and the views have caught up with the logs."""
        if not app.ready():
            raise Refusal(503, "The process is getting ready.", retry_after_s=1)
        return Response(b"ok\n", media_type="text/plain")

    async def metrics() -> Response:
        """Metrics in the Prometheus text format."""
        return Response(await app.metrics.scrape(), headers={"Content-Type": CONTENT_TYPE})

    routes = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}
    for path, endpoint in routes.items():
        router.add_api_route(path, endpoint, methods=["GET"], response_class=PlainTextResponse)
    app.asgi.observe = observe
    app.asgi.monotonic_s = app.clock.monotonic_s
    app.asgi.ready = ready
    app.add_router(router)
