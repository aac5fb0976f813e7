"""The demo's board in a real browser, on a desk's screen and on a phone's."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, ViewportSize, async_playwright, expect

from bench.server import Server

pytestmark = pytest.mark.servers

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
]
DESK = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)
WAIT_MS = 60_000


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield chromium
        finally:
            await chromium.close()


@asynccontextmanager
async def demo(directory: Path) -> AsyncIterator[str]:
    """A process with the demo; its address."""
    data = directory / "data"
    data.mkdir()
    server = Server(data, options=("--demo",))
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.stop()


async def test_the_demo_lives_on_the_board(tmp_path: Path) -> None:
    """Agents come on, customers write, offers ring, promises run and replies go out, live and bilingual."""
    async with demo(tmp_path) as url, browser() as chromium:
        page = await chromium.new_page(viewport=DESK, locale="pl-PL")
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.goto(url)
        await page.wait_for_selector(".link.on", timeout=15_000)
        await expect(page.locator("#n-agents")).to_have_text("7", timeout=WAIT_MS)
        await expect(page.locator("#targets .row").first).to_be_visible(timeout=WAIT_MS)
        await expect(page.locator("#feed li").nth(3)).to_be_attached(timeout=WAIT_MS)
        await expect(page.locator("#n-owned")).to_have_text(re.compile("[1-9]"), timeout=WAIT_MS)
        assert "Kto czeka" in await page.inner_text("#waiting-card h2")
        assert "Zosia" in await page.inner_text("#agents")
        await page.click("#language")
        assert "Who waits" in await page.inner_text("#waiting-card h2")
        await expect(page.locator("#notices .row").first).to_be_visible(timeout=WAIT_MS)
        assert troubles == []


async def test_the_board_fits_a_phone_and_asks_for_a_key(tmp_path: Path) -> None:
    """On a phone's width nothing is cut off; another desk's board asks for a key, refuses a wrong one."""
    async with demo(tmp_path) as url, browser() as chromium:
        page = await chromium.new_page(viewport=PHONE, locale="en-GB", color_scheme="dark")
        await page.goto(url)
        await page.wait_for_selector(".link.on", timeout=15_000)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.goto(f"{url}board/other")
        assert await page.is_visible("#sign-in")
        await page.fill("#sign-in [name=desk]", "other")
        await page.fill("#sign-in [name=key]", "ck_wrong")
        await page.click("#sign-in button")
        await expect(page.locator("#refused")).to_have_text(re.compile("key"), timeout=WAIT_MS)
        assert await page.is_hidden("#board")
