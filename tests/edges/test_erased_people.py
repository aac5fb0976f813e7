"""Erasure and merges: who was erased stays nobody, and who was not is told apart, whoever they are now."""

from __future__ import annotations

from typing import Any

from proto.v1.content_pb2 import IdentityContent, OrderContent
from proto.v1.conversations_pb2 import ConversationsEvent, CustomersMerged, MessageReceived
from services.kernel.limits import ERASURE_DELAY_MS
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import SystemClock
from services.runtime.documents import Conversation, Customer, OrderView, SendView
from services.runtime.keys import MemoryKeys
from services.runtime.project_conversations import HANDLERS
from services.runtime.reads import Reads
from services.runtime.sealing import Sealing
from services.runtime.views import MemoryStore, Views
from tests.edges.installation import Installation, installation
from tests.edges.test_bounds import Later
from tests.edges.test_streams import Stream
from tests.ingest.mailbox import Mailbox, conversation, customer, erase, erased, orders, says

NOBODY: tuple[None, list[str]] = (None, [])


class Desk(Mailbox):
    """What the ingest engine says, in views, as edges read them."""

    def __init__(self) -> None:
        super().__init__()
        self.views = Views(MemoryStore())
        self.sealing = Sealing(bytes(32), MemoryKeys(), SystemClock())
        self.reads = Reads(self.views, self.sealing, MemoryBlobs())
        self._projected = 0

    async def chats(self, external: str, who: str) -> MessageReceived:
        """Somebody writes, a day later than whatever was before."""
        self.days_later(1)
        return self.hears(says(external, who, channel="chat"))

    def asks(self, who: str, name: str = "1") -> str:
        """An erasure is asked for, a day later; its id."""
        self.days_later(1)
        self.when("inbound", erase(customer(who), name)).then_bodies("erasure_requested")
        erasure_id: str = self.body("erasure_requested").erasure_id
        return erasure_id

    def erased(self, erasure_id: str) -> None:
        """An erasure is done."""
        self.when("inbound", erased(erasure_id)).then_bodies("erasure_completed")

    async def person(self, external: str) -> tuple[str | None, list[str]]:
        """Name and addresses that the conversation shows which a message opened."""
        await self._project()
        doc = self.views.peek(Conversation, conversation(external))
        assert doc is not None
        shown = await self.reads.person("d", doc.customer, doc.opened_ms)
        return shown["name"], sorted(one["address"] for one in shown["identities"])

    async def items(self, order_id: str) -> str | None:
        """What an order shows."""
        await self._project()
        doc = self.views.peek(OrderView, f"d/{order_id}")
        assert doc is not None
        [shown] = await self.reads.orders([doc])
        items: str | None = shown["items_json"]
        return items

    async def hidden(self, external: str) -> bool:
        """Whether words are hidden in the conversation which a message opened."""
        await self._project()
        doc = self.views.peek(Conversation, conversation(external))
        assert doc is not None
        return await self.reads.hidden("d", doc.customer)

    async def _project(self) -> None:
        key = await self.sealing.own_key("d")
        for said in self.log[self._projected :]:
            event = ConversationsEvent.FromString(said.SerializeToString())
            name = event.WhichOneof("body") or ""
            if name == "identity":
                who = event.identity.identity.data.decode()
                content = IdentityContent(channel="chat", address=f"{who}@example.pl", name=who)
                event.identity.identity.CopyFrom(self.sealing.seal(key, content))
            if name in HANDLERS:
                HANDLERS[name](self.views, event, getattr(event, name))
        self._projected = len(self.log)


async def ann_and_bob() -> Desk:
    """Two who wrote: Ann first (m1), then Bob (m2)."""
    desk = Desk()
    await desk.chats("m1", "ann")
    await desk.chats("m2", "bob")
    return desk


async def test_a_merge_names_nobody_who_was_erased() -> None:
    """Bob is erased, writes again and turns out to be Ann: what is new is hers, what was before nobody's."""
    desk = await ann_and_bob()
    desk.erased(desk.asks("bob"))
    await desk.chats("m3", "bob")
    desk.when("inbound", orders("o1", "bob", "ann"))
    assert "merged" in desk.bodies()
    assert await desk.person("m2") == NOBODY
    for external in ("m1", "m3"):
        assert await desk.person(external) == ("ann", ["ann@example.pl", "bob@example.pl"])


async def test_a_merge_shows_nobody_who_is_being_erased() -> None:
    """Bob turns out to be Ann while his erasure waits: he is hidden until it is done, and she is not."""
    desk = await ann_and_bob()
    erasure_id = desk.asks("bob")
    await desk.chats("m3", "bob")
    desk.when("inbound", orders("o1", "bob", "ann"))
    assert "merged" in desk.bodies()
    assert [await desk.hidden(external) for external in ("m1", "m2", "m3")] == [False, True, True]
    assert await desk.person("m2") == await desk.person("m3") == NOBODY
    desk.erased(erasure_id)
    assert not await desk.hidden("m3")
    assert [(await desk.person(external))[0] for external in ("m2", "m3")] == [None, "ann"]


async def test_who_was_erased_together_is_told_apart_afterwards() -> None:
    """Bob was merged into Ann, who is erased: both are hidden at once, and each begins anew under their own
    name; what was before is nobody's."""
    desk = await ann_and_bob()
    desk.when("inbound", orders("o1", "bob", "ann"))
    assert (await desk.person("m2"))[0] == "ann"
    erasure_id = desk.asks("ann")
    assert [await desk.hidden(external) for external in ("m1", "m2")] == [True, True]
    desk.erased(erasure_id)
    assert [await desk.hidden(external) for external in ("m1", "m2")] == [False, False]
    await desk.chats("m3", "ann")
    assert (await desk.chats("m4", "bob")).customer_id == customer("bob")
    assert await desk.person("m3") == ("ann", ["ann@example.pl"])
    assert await desk.person("m4") == ("bob", ["bob@example.pl"])
    assert await desk.person("m1") == await desk.person("m2") == NOBODY
    known = [desk.views.peek(Customer, customer(who)) for who in ("ann", "bob")]
    assert [one.erased_ms > 0 and not one.merged for one in known if one is not None] == [True, True]


async def test_who_was_never_erased_keeps_their_name() -> None:
    """Ann was erased and has written again; Bob, who turns out to be her, was not: his older conversation
    shows who they are now."""
    desk = await ann_and_bob()
    desk.erased(desk.asks("ann"))
    await desk.chats("m3", "ann")
    same = CustomersMerged(customer_id=customer("ann"), merged_id=customer("bob"))
    desk.given(ConversationsEvent(desk_id="d", occurred_at_ms=desk.now_ms, merged=same))
    both = ("ann", ["ann@example.pl", "bob@example.pl"])
    assert await desk.person("m2") == await desk.person("m3") == both
    assert await desk.person("m1") == NOBODY


async def test_a_name_is_hidden_wherever_it_would_show() -> None:
    """Eve turns out to be Ann while Ann's erasure waits: Eve's words stay, and Ann's name shows when it is
    done."""
    desk = await ann_and_bob()
    erasure_id = desk.asks("ann")
    await desk.chats("m3", "ann")
    await desk.chats("m4", "eve")
    desk.when("inbound", orders("o1", "eve", "ann"))
    assert desk.body("merged").customer_id == customer("ann")
    assert (await desk.hidden("m4"), await desk.person("m4")) == (False, NOBODY)
    desk.erased(erasure_id)
    assert (await desk.person("m4"))[0] == "ann"


async def test_an_order_is_hidden_with_its_own_customer() -> None:
    """What the shop tells of an order while its customer's erasure waits shows in nobody's conversation until
    it is done."""
    desk = await ann_and_bob()
    erasure_id = desk.asks("bob")
    content = desk.sealing.seal(await desk.sealing.own_key("d"), OrderContent(items_json="[]"))
    desk.days_later(1)
    desk.when("inbound", orders("o1", "bob", content=content))
    assert await desk.items("o1") is None
    desk.erased(erasure_id)
    assert await desk.items("o1") == "[]"


async def test_a_second_erasure_is_not_ended_by_the_first() -> None:
    """Bob's erasure waits while he turns out to be Ann, whose erasure takes him along: he is hidden until
    both are done."""
    desk = await ann_and_bob()
    first = desk.asks("bob")
    await desk.chats("m3", "bob")
    desk.when("inbound", orders("o1", "bob", "ann"))
    second = desk.asks("ann", "2")
    assert await desk.hidden("m3")
    desk.erased(first)
    assert [await desk.hidden(external) for external in ("m1", "m3")] == [True, True]
    desk.erased(second)
    assert [await desk.hidden(external) for external in ("m1", "m3")] == [False, False]


ORDER: dict[str, Any] = {
    "order_id": "77/1",
    "customer": {"addresses": [{"channel": "chat", "address": "jan@example.pl"}], "name": "Jan"},
    "items": [{"name": "dzwonek"}],
}
PATH = "/v1/desks/rowery"


async def old_and_new(made: Installation, clock: Later) -> tuple[str, str, str]:
    """Jan wrote and ordered, Ola answers; he was erased and has written again. His id, that of his
    conversation of before, that of the new one."""
    await made.desk("ola")
    assert (await made.call("POST", f"{PATH}/orders", ORDER)).status_code == 202
    ids = await made.message()

    async def read() -> Any:
        return await made.only_conversation(ids["record_id"])

    old = await made.until(read, lambda doc: doc["offer"] is not None)
    assert [one["order_id"] for one in old["orders"]] == ["77/1"]
    await made.call("POST", f"{PATH}/offers/{old['offer']['offer_id']}/accept", {"agent": "ola"})
    page = f"{PATH}/customers/{old['customer']['id']}"
    assert (await made.call("DELETE", page)).status_code == 202
    clock.forward_ms = ERASURE_DELAY_MS + 1_000

    async def customer_page() -> Any:
        return (await made.call("GET", page)).json()

    await made.until(customer_page, lambda found: bool(found["erased_at"]))
    again = await made.message("m2", text="Jestem z powrotem")
    listed = (await made.call("GET", f"{PATH}/conversations?after={again['record_id']}")).json()["items"]
    [new] = [one["id"] for one in listed if one["id"] != old["id"]]
    return old["customer"]["id"], old["id"], new


async def test_the_customers_page_leads_to_nothing_of_before() -> None:
    """Who writes again has a page with what is new only, in the lists by customer too; an order of before has
    nobody, until the shop tells it anew."""
    clock = Later()
    async with installation(clock=clock) as made:
        customer_id, old, new = await old_and_new(made, clock)
        page = (await made.call("GET", f"{PATH}/customers/{customer_id}")).json()
        assert page["name"] == "Jan"
        assert [one["id"] for one in page["conversations"]] == [new]
        assert page["orders"] == []
        listed = (await made.call("GET", f"{PATH}/conversations?customer={customer_id}")).json()
        assert [one["id"] for one in listed["items"]] == [new]
        whole = (await made.call("GET", f"{PATH}/conversations/{old}")).json()
        assert (whole["customer"]["name"], whole["customer"]["identities"]) == NOBODY
        [order] = whole["orders"]
        assert (order["order_id"], order["customer"], order["items_json"]) == ("77/1", None, None)
        for send_id, at_ms in (("s1", 1), ("s2", clock.now_ms())):
            made.views.put(SendView(send_id, "rowery", "", True, at_ms, "sent", customer=customer_id))
        notices = (await made.call("GET", f"{PATH}/notices?customer={customer_id}")).json()["items"]
        assert [one["id"] for one in notices] == ["s2"]
        told = await made.call("POST", f"{PATH}/orders", {**ORDER, "items": [{"name": "pompka"}]})
        after = f"?after={told.json()['record_id']}"
        page = (await made.call("GET", f"{PATH}/customers/{customer_id}{after}")).json()
        assert [(one["order_id"], one["customer"]) for one in page["orders"]] == [("77/1", customer_id)]


async def test_streams_name_nobody_who_was_erased() -> None:
    """An agent's snapshot, and what the stream tells later, show the conversation of before without a name
    and the new one with it."""
    clock = Later()
    async with installation(clock=clock) as made:
        _, old, new = await old_and_new(made, clock)
        stream = Stream(made, f"{PATH}/agents/ola/stream")
        _, _, snapshot = await stream.event("snapshot")
        [before] = [one["customer"] for one in snapshot["conversations"] if one["id"] == old]
        assert (before["name"], before["identities"]) == NOBODY
        cards = [one["conversation"] for one in snapshot["offers"]]
        cards = cards or [(await stream.event("offer"))[2]["conversation"]]
        assert [(one["id"], one["customer"]["name"]) for one in cards] == [(new, "Jan")]
        await stream.close()
        await made.desk("ola", "ewa")
        stream = Stream(made, f"{PATH}/agents/ewa/stream")
        to = {"agent": "ola", "to": {"agent": "ewa"}}
        assert (await made.call("POST", f"{PATH}/conversations/{old}/transfer", to)).status_code == 202
        _, _, told = await stream.event("offer")
        card = told["conversation"]
        assert (card["id"], card["customer"]["name"], card["customer"]["identities"]) == (old, *NOBODY)
        await stream.close()
