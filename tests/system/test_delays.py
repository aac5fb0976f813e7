"""A shipment is late: each customer is told once, on the right channel, in their language, not at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.system import shapes
from tests.system.outside import DESK, NEWEST
from tests.system.providers import HOOK_TOKEN, Mail, Providers, providers, telegram_update
from tests.system.world import World, checked, start_embedded

pytestmark = pytest.mark.servers

WITHIN_S = 5.0
"""From the acknowledged shipment to the customer, outside quiet hours."""


def now(world: World) -> datetime:
    """The installation's time."""
    return datetime.fromtimestamp(world.app.clock.now_ms() / 1000, UTC)


def quiet_now(world: World, inside: bool) -> dict[str, Any]:
    """Notices with quiet hours of two hours around now, or around twelve hours from now."""
    at = now(world).astimezone(ZoneInfo("Europe/Warsaw")) + timedelta(hours=0 if inside else 12)
    start, end = (at - timedelta(hours=1)).hour, (at + timedelta(hours=1)).hour
    delay = {"on": True, "tell_after": "1h"}
    return {"quiet": f"{start:02d}:00-{end:02d}:59", "delay": delay}


async def place_order(world: World, order: str, language: str, *addresses: tuple[str, str]) -> None:
    """An order that is promised for tomorrow."""
    customer = {
        "addresses": [{"channel": channel, "address": address} for channel, address in addresses],
        "name": "Łucja Nowak",
        "language": language,
    }
    promised = (now(world) + timedelta(days=1)).isoformat()
    body = {
        "order_id": order,
        "customer": customer,
        "promised_at": promised,
        "value": 199.99,
        "currency": "PLN",
    }
    await world.must("POST", "orders", body)


def shipment(world: World, *orders: str, days: float = 3, **more: Any) -> dict[str, Any]:
    """A shipment that comes so many days from now."""
    at = (now(world) + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    body = {"shipment_id": "s1", "order_ids": list(orders), "status": "delayed", "carrier": "InPost"}
    return {**body, "estimated_at": at.isoformat(), **more}


async def ready(world: World, made: Providers, secrets: Path, inside: bool) -> None:
    """A desk, an order of somebody who wrote by Telegram, an order by mail in English, one not affected."""
    await world.desk(channels=made.channels(secrets), notices=quiet_now(world, inside))
    update = telegram_update("Dzień dobry, kiedy będzie moje zamówienie?", 1, int(now(world).timestamp()))
    headers = {"X-Telegram-Bot-Api-Secret-Token": HOOK_TOKEN}
    hook = f"/v1/webhooks/{DESK}/telegram/bot"
    assert (await world.client.post(hook, json=update, headers=headers)).status_code == 200
    await place_order(world, "PL1", "pl", ("email", "lucja@poczta.example"), ("telegram", "77001"))
    await place_order(world, "EN1", "en", ("email", "kim@mail.example"))
    await place_order(world, "OK1", "pl", ("email", "other@mail.example"))


async def test_a_delay_becomes_one_notice_for_each_order(tmp_path: Path) -> None:
    """Within 5 s each affected order's customer is told, in Polish where they wrote and in English by mail;
    the same again, by another record too, tells nobody anything."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        await ready(world, made, tmp_path / "secrets", inside=False)
        late = shipment(world, "PL1", "EN1", reason="Awaria sortowni")
        sent_s = world.clock.monotonic_s()
        first = await world.must("POST", "shipments", late)
        call = await made.telegram.next()
        mail: Mail = await made.mail.next()
        assert world.clock.monotonic_s() - sent_s < WITHIN_S
        told = call.json()
        assert told["chat_id"] == 77001
        assert "Twoje zamówienie PL1 dotrze później" in told["text"]
        assert mail.envelope.rcpt_tos == ["kim@mail.example"]
        body = mail.message.get_body(("plain",))
        assert body is not None
        assert "Your order EN1 will arrive later" in body.get_content()
        assert mail.message["Subject"] == "Order EN1: new delivery date"
        assert mail.message["Auto-Submitted"] == "auto-generated"

        assert await world.must("POST", "shipments", late) == first
        await world.must("POST", "shipments", {**late, "reason": "Awaria trwa"})
        soon = datetime.fromisoformat(late["estimated_at"]) + timedelta(minutes=30)
        await world.must("POST", "shipments", {**late, "estimated_at": soon.isoformat()})
        notices = await world.shown(
            lambda: world.notices(NEWEST), lambda found: sum(n["state"] == "sent" for n in found) == 2
        )
        shapes.fits(list[shapes.Notice], notices)
        by_order = {n["order_id"]: n for n in notices if n["state"] == "sent"}
        assert set(by_order) == {"PL1", "EN1"}
        assert (by_order["PL1"]["channel"], by_order["EN1"]["channel"]) == ("telegram", "email")
        assert told["text"] == by_order["PL1"]["text"]
        assert {n["why"] for n in notices if n["state"] == "suppressed"} == {"already_told", "too_small"}
        [doc] = await world.conversations(channel="telegram")
        whole = await world.conversation(doc["id"])
        assert [(n["order_id"], n["text"]) for n in whole["notices"]] == [("PL1", told["text"])]
        assert [o["order_id"] for o in whole["orders"]] == ["PL1"]
        assert whole["delay"]["order_id"] == "PL1"
        assert (made.telegram.empty(), made.mail.empty()) == (True, True)

        # A further slip is a new matter; who answers the notice is in a conversation of their own.
        further = shipment(world, "PL1", "EN1", days=6)
        await world.must("POST", "shipments", further)
        assert "PL1" in (await made.telegram.next()).json()["text"]
        assert "EN1" in (await made.mail.next()).message["Subject"]
    checked(tmp_path / "data")


async def test_quiet_hours_hold_a_notice_until_their_end(tmp_path: Path) -> None:
    """Inside quiet hours a notice is held, visibly; when they end it is sent; what arrived until then is
    not told any more."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        await ready(world, made, tmp_path / "secrets", inside=True)
        await world.must("POST", "shipments", shipment(world, "PL1", "EN1"))
        held = await world.shown(lambda: world.notices(NEWEST), lambda found: len(found) == 2)
        shapes.fits(list[shapes.Notice], held)
        assert {(n["state"], n["why"]) for n in held} == {("held", "quiet_hours")}
        assert (made.telegram.empty(), made.mail.empty()) == (True, True)
        arrived = {"shipment_id": "s1", "order_ids": ["EN1"], "status": "delivered"}
        await world.must("POST", "shipments", arrived)
        world.clock.advance(3 * 3_600_000)
        assert "PL1" in (await made.telegram.next()).json()["text"]
        found = await world.shown(
            lambda: world.notices(NEWEST), lambda found: any(n["state"] == "sent" for n in found)
        )
        assert {n["order_id"]: (n["state"], n["why"]) for n in found} == {
            "PL1": ("sent", None),
            "EN1": ("suppressed", "closed"),
        }
        assert made.mail.empty()


async def test_an_order_that_comes_after_its_delay_is_told(tmp_path: Path) -> None:
    """A delay of an order that nobody knows yet is remembered and told when the order comes."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        await world.desk(channels=made.channels(tmp_path / "secrets"))
        await world.must("POST", "shipments", shipment(world, "PL7"))
        [unknown] = await world.notices(NEWEST)
        assert (unknown["order_id"], unknown["state"], unknown["why"]) == (
            "PL7",
            "suppressed",
            "unknown_order",
        )
        await place_order(world, "PL7", "pl", ("email", "lucja@poczta.example"))
        assert "PL7" in (await made.mail.next()).message["Subject"]
