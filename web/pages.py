"""The pages: templates and files, served by the process that has the edges.

The pages hold no data. They read the public API with a key: the demo's page is given one for its
desk, every other page asks for it and keeps it in the tab.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, select_autoescape

if TYPE_CHECKING:
    from services.runtime.main import App

ROOT = Path(__file__).parent
LANGUAGES = ("pl", "en")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def bind(app: App) -> None:
    """Serve `/`, `/board/{desk}`, `/shadow/{desk}` and `/static/…`."""
    templates = Environment(loader=FileSystemLoader(ROOT / "templates"), autoescape=select_autoescape())
    router = APIRouter(include_in_schema=False)

    def page(name: str, request: Request, desk: str) -> HTMLResponse:
        key = app.guest_key if desk == "demo" else ""
        words = {"desk": desk, "key": key, "language": _language(request)}
        return HTMLResponse(templates.get_template(name).render(words), headers=SECURITY_HEADERS)

    @router.get("/")
    async def home(request: Request) -> HTMLResponse:
        """The demo's board, or the page that asks for a desk and its key."""
        return page("board.html", request, "demo" if app.guest_key else "")

    @router.get("/board/{desk}")
    async def desk_board(request: Request, desk: str) -> HTMLResponse:
        """The board of one desk."""
        return page("board.html", request, desk)

    @router.get("/shadow/{desk}")
    async def desk_shadow(request: Request, desk: str) -> HTMLResponse:
        """Where the desk's second policy differs from the live one."""
        return page("shadow.html", request, desk)

    app.add_router(router)
    app.fastapi.mount("/static", StaticFiles(directory=ROOT / "static"), name="static")


def _language(request: Request) -> str:
    """The first of our languages that the browser asks for."""
    for part in request.headers.get("accept-language", "").split(","):
        if (tag := part.split(";")[0].strip()[:2].lower()) in LANGUAGES:
            return tag
    return LANGUAGES[0]
