"""The page of a desk's second policy in a real browser, on a desk's screen and on a phone's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.test_board import DESK, PHONE, WAIT_MS, browser, demo

pytestmark = pytest.mark.servers


async def test_a_lead_sees_where_the_second_policy_differs(tmp_path: Path) -> None:
    """From the board one comes to the page; it counts the demo's choices, names both policies, speaks both
    languages; on a phone, in the dark, nothing is cut off."""
    async with demo(tmp_path) as url, browser() as chromium:
        page = await chromium.new_page(viewport=DESK, locale="pl-PL")
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.goto(f"{url}board/demo")
        await page.click("#to-shadow")
        await expect(page.locator("#n-compared")).to_have_text(re.compile("[1-9]"), timeout=WAIT_MS)
        await expect(page.locator("#names")).to_contain_text("longest_idle")
        assert "obok tej, która działa" in await page.inner_text(".intro h1")
        await page.click("#language")
        await expect(page.locator("#queues-card h2")).to_have_text("Queues")
        await page.close()
        phone = await chromium.new_page(viewport=PHONE, locale="en-GB", color_scheme="dark")
        phone.on("pageerror", lambda error: troubles.append(str(error)))
        await phone.goto(f"{url}shadow/demo")
        await expect(phone.locator("#n-compared")).to_have_text(re.compile("[1-9]"), timeout=WAIT_MS)
        assert await phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert troubles == []


async def test_the_page_asks_for_a_key(tmp_path: Path) -> None:
    """Another desk's page asks for a key, and refuses a wrong one."""
    async with demo(tmp_path) as url, browser() as chromium:
        page = await chromium.new_page(viewport=PHONE, locale="en-GB")
        await page.goto(f"{url}shadow/other")
        assert await page.is_visible("#sign-in")
        await page.fill("#sign-in [name=key]", "ck_wrong")
        await page.click("#sign-in button")
        await expect(page.locator("#refused")).to_have_text(re.compile("key"), timeout=WAIT_MS)
        assert await page.is_hidden("#shadow")
