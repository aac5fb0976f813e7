"""Where a customer is answered: what is remembered of their messages, and until when."""

from __future__ import annotations

import tracemalloc

import pytest

from proto.v1.inbound_pb2 import AUTO_KIND_AUTO_REPLY, AUTO_KIND_BOUNCE, AUTO_KIND_NONE
from proto.v1.notices_pb2 import SendRequested
from proto.v1.routing_pb2 import RequestAdmitted
from services.kernel.limits import BATCH_BYTES_MAX, CONTENT_BYTES_MAX, DAY_MS, RESOLVED_DAYS
from services.notify.closed import ClosedRoutes, Route
from tests.notify import samples as s
from tests.story import START_MS


def test_mail_has_a_new_route_with_every_message() -> None:
    """The threading headers of the last mail are what a reply needs."""
    story = s.story().when("conversations", s.message("A")).then_bodies("route")
    story.when("conversations", s.message("A", auto_kind=AUTO_KIND_NONE)).then_bodies("route").then_replays()


def test_chat_has_a_new_route_only_when_something_changed() -> None:
    """A chat message that changes nothing about the answer costs no event."""
    story = s.story().when("conversations", s.message("A", way=s.CHAT)).then_bodies("route")
    story.when("conversations", s.message("A", way=s.CHAT, message_id="m2")).then_bodies()
    for more in ({"language": "en"}, {"language": "en", "order_ids": ["O1"]}):
        story.when("conversations", s.message("A", way=s.CHAT, **more)).then_bodies("route")
    story.when("conversations", s.message("A", way=s.WHATSAPP)).then_bodies("route")
    story.when("conversations", s.message("A", way=s.WHATSAPP, key=b"key-2")).then_bodies("route")
    story.then_replays()


@pytest.mark.parametrize("auto_kind", [AUTO_KIND_AUTO_REPLY, AUTO_KIND_BOUNCE])
def test_a_machines_mail_does_not_change_the_route(auto_kind: int) -> None:
    """A bounce or an automatic answer never becomes the address that a person is answered at."""
    story = s.story().when("conversations", s.message("A"))
    story.when("conversations", s.message("A", key=b"daemon", auto_kind=auto_kind)).then_bodies()


def test_an_agent_may_reopen_and_answer() -> None:
    """The route outlives the resolution for a while, so a reopened conversation can be answered."""
    story = s.story().when("conversations", s.message("A", way=s.WHATSAPP))
    story.when("routing", s.resolved("A")).then_bodies("route_closed")
    story.when("routing", s.resolved("A")).then_bodies()
    story.when("routing", s.reopened("A")).then_bodies("route").then_replays()
    story.when("routing", s.reply("A", "r1")).then_bodies("requested", "attempted")


def test_routes_of_resolved_conversations_are_forgotten() -> None:
    """The route leaves the state when the router no longer knows the conversation either."""
    story = s.story().when("conversations", s.message("A")).when("routing", s.resolved("A"))
    story.at(START_MS + RESOLVED_DAYS * DAY_MS).when("conversations", s.message("B", "u2"))
    assert story.state.route(s.conv("A")) is not None
    story.at(START_MS + (RESOLVED_DAYS + 1) * DAY_MS).when("conversations", s.message("C", "u3"))
    assert story.state.route(s.conv("A")) is None
    assert set(story.state.data.routes) == {s.conv("B"), s.conv("C")}
    story.then_replays()


def test_an_agent_may_reopen_after_three_weeks() -> None:
    """As long as a conversation may be reopened its customer can be answered."""
    story = s.story().when("conversations", s.message("A")).when("routing", s.resolved("A"))
    story.at(START_MS + 20 * DAY_MS).when("routing", s.reopened("A")).then_bodies("route").then_replays()
    story.when("routing", s.reply("A", "r1")).then_bodies("requested", "attempted")
    assert story.body("requested").route.data == b"route of A"
    story.when("routing", s.resolved("A")).then_bodies("route_closed").then_replays()


def test_an_erasure_reaches_routes_of_resolved_conversations() -> None:
    """After an erasure a resolved conversation has no address any more, its merged customers' neither."""
    story = s.story()
    for name, customer in (("A", "u1"), ("B", "u9"), ("C", "u2")):
        story.when("conversations", s.message(name, customer)).when("routing", s.resolved(name))
    story.when("conversations", s.said(merged={"customer_id": "u1", "merged_id": "u9"}))
    story.when("conversations", s.erasure()).then_replays()
    routes = [story.state.closed.get(s.conv(name)) for name in "ABC"]
    assert [bool(route and route.sealed) for route in routes] == [False, False, True]


def test_closed_routes_are_bounded_in_memory() -> None:
    """Above the bound the longest closed go first; a closed route of a mail costs less than a kilobyte."""
    route = Route("rowery", "u" * 33, "email", s.EMAIL[1], "pl", b"x" * 400, ("4711",), START_MS, START_MS)
    closed = ClosedRoutes(bytes_max=100_000)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(1_000):
        closed.put(s.conv(str(number)), route)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert closed.get(s.conv("0")) is None
    assert closed.get(s.conv("999")) == route
    assert taken - before < 120_000
    assert 100 < len(closed) < 150
    assert ClosedRoutes.load(closed.dump()).dump() == closed.dump()


def test_only_replies_are_sent() -> None:
    """What else an agent is granted sends nothing."""
    admitted = RequestAdmitted(kind="REQUEST_KIND_NOTE", conversation_id=s.conv("A"))
    s.story().when("routing", s.routed("r1", admitted=admitted)).then_bodies()


def test_breaches_and_escalations_call_their_webhooks() -> None:
    """A breach goes to every subscriber, an escalation step to its own URL; both without content."""
    from_sla = {"conversation_id": s.conv("A"), "target_id": "t1", "due_at_ms": 5}
    story = s.story(s.desk("sla.breached"))
    story.when("sla", s.measured(breached=from_sla)).then_bodies("requested", "attempted")
    called = story.body("requested")
    assert (called.url, called.event_name, called.idempotent) == (s.HOOK, "sla.breached", True)
    assert called.event_json == f'{{"conversation_id":"{s.conv("A")}","target_id":"t1","due_at_ms":5}}'
    step = {
        "conversation_id": s.conv("A"),
        "kind": "TARGET_KIND_FIRST_RESPONSE",
        "at": "ESCALATION_AT_BREACH",
        "do": "ESCALATION_DO_WEBHOOK",
        "step": 4,
        "to": ["https://erp.example/hooks/sla"],
    }
    story.when("sla", s.measured(escalated=step)).then_bodies("requested", "attempted")
    assert story.body("requested").url == "https://erp.example/hooks/sla"
    story.when("sla", s.measured(escalated={**step, "do": "ESCALATION_DO_NOTIFY"})).then_bodies()
    story.then_replays()


def test_whose_answer_is_a_bots_is_said() -> None:
    """The sender is told that no person wrote it."""
    story = s.story().when("conversations", s.message("A", way=s.WHATSAPP))
    reply = s.reply("A", "r1")
    reply.admitted.bot = True
    assert story.when("routing", reply).body("requested").bot


@pytest.mark.parametrize("way", [s.EMAIL, s.WHATSAPP])
@pytest.mark.parametrize("is_resolved", [False, True])
def test_few_words_do_not_change_the_language(way: tuple[str, str], is_resolved: bool) -> None:
    """A message too short to tell its language leaves the conversation's, also where it opens it again."""
    story = s.story().when("conversations", s.message("A", way=way, language="en"))
    if is_resolved:
        story.when("routing", s.resolved("A"))
    story.when("conversations", s.message("A", way=way, message_id="m2")).then_replays()
    story.when("conversations", s.order(language="pl")).when("conversations", s.shipment(s.PROMISED + DAY_MS))
    assert story.body("requested").language == "en"


@pytest.mark.parametrize("what", ["reply", "notice"])
def test_many_webhooks_fit_one_batch(what: str) -> None:
    """A desk may have fifty webhooks, a reply 64 KB of words and a mail as much of headers: what follows from
    one input must fit a batch, or it would be skipped and the customer never answered. Each copy is whole."""
    value = s.desk()
    for number in range(50):
        value.webhooks.add(url=f"https://hook{number}.example/", events=["message.out", "notice"])
    mail = s.message("A", order_ids=["O1"])
    mail.message.route.data = b"r" * 50_000
    story = s.story(value).when("conversations", mail).when("conversations", s.order())
    if what == "reply":
        story.when("routing", s.reply("A", "r1", b"w" * CONTENT_BYTES_MAX))
    else:
        story.when("conversations", s.shipment(s.PROMISED + DAY_MS)).until(START_MS)
        story.when("conversations", s.report(story.body("attempted").send_id))
    assert sum(event.ByteSize() for event in story.new) < BATCH_BYTES_MAX
    sends = [SendRequested.FromString(each.request) for each in story.state.data.sends.values()]
    copies = [each for each in sends if each.url]
    assert len(copies) == 50
    assert {each.route.data for each in copies} == {mail.message.route.data}
    assert {len(each.content.data) for each in copies} == {CONTENT_BYTES_MAX if what == "reply" else 0}
    story.then_replays()
