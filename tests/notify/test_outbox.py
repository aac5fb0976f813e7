"""The outbox: what becomes of a reply, from its request to its result."""

from __future__ import annotations

from proto.v1.inbound_pb2 import (
    DELIVERY_STATE_FAILED,
    DELIVERY_STATE_READ,
    ORDER_STATUS_DELIVERED,
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
)
from proto.v1.notices_pb2 import SEND_KIND_REPLY, SEND_KIND_WEBHOOK, SUPPRESSED_WHY_CLOSED
from services.kernel.ids import derive_id
from services.kernel.limits import (
    DAY_MS,
    SEND_BACKOFF_MS,
    SEND_DEAD_AFTER_MS,
    SEND_LEASE_MS,
)
from services.notify.schedule import ACCOUNT_IN_FLIGHT_MAX
from tests.notify import samples as s
from tests.story import START_MS, Story

PROVIDER = b"0123456789abcdef"
REQUEST = derive_id("r", "a reply")


def asked(way: tuple[str, str] = s.WHATSAPP, *events: str) -> tuple[Story, str]:
    """A reply that is under way, and its id."""
    story = s.story(s.desk(*events)).when("conversations", s.message("A", way=way))
    story.when("routing", s.reply("A", REQUEST))
    return story, story.body("requested").send_id


def test_reply_is_requested_then_attempted_with_a_lease() -> None:
    """A reply goes out on the channel of the customer's last message, under a lease."""
    story, send_id = asked()
    story.then_bodies("requested", "attempted")
    requested, attempted = story.body("requested"), story.body("attempted")
    assert (requested.channel, requested.account) == s.WHATSAPP
    assert requested.kind == SEND_KIND_REPLY
    assert requested.route.data == b"route of A"
    assert requested.content.data == b"words"
    assert (requested.author_agent_id, requested.bot) == ("ola", False)
    assert requested.dead_at_ms == START_MS + SEND_DEAD_AFTER_MS
    assert (attempted.send_id, attempted.attempt) == (send_id, 1)
    assert attempted.lease_until_ms == START_MS + SEND_LEASE_MS
    story.then_replays()


def test_every_event_of_a_send_keeps_the_origin_of_its_request() -> None:
    """Sla matches a send's events by the request's record, whatever input led to them."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, error="busy"))
    assert story.new[0].origin_id == REQUEST
    story.until(story.now_ms + SEND_BACKOFF_MS[0] * 2)
    assert [event.origin_id for event in story.new] == [REQUEST]
    story.when("conversations", s.report(send_id, attempt=2, provider_id_hash=PROVIDER))
    assert story.new[0].origin_id == REQUEST
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_FAILED))
    assert story.new[0].origin_id == REQUEST
    assert story.body("failed").conversation_id == s.conv("A")


def test_sent_ends_the_send() -> None:
    """A success ends the send; nothing of it is due any more and it leaves the outbox."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies("sent")
    assert story.body("sent").kind == SEND_KIND_REPLY
    assert story.state.data.sends == {}
    assert story.engine.next_deadline_ms(story.state) is None
    story.then_replays()


def test_same_report_again_changes_nothing() -> None:
    """A report that comes twice is told once."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER))
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies()


def test_report_of_another_desk_is_ignored() -> None:
    """A report counts only for a send of its own desk."""
    story, send_id = asked()
    event = s.report(send_id)
    event.desk_id = "other"
    story.when("conversations", event).then_bodies()


def test_retry_waits_with_a_growing_deterministic_back_off() -> None:
    """Each retry waits longer, within a quarter of the stated back-off, and alike on every replay."""
    story, send_id = asked()
    for attempt in range(1, 5):
        story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, attempt, error="busy"))
        wait_ms = story.body("deferred").next_at_ms - story.now_ms
        assert 0.75 * SEND_BACKOFF_MS[attempt - 1] <= wait_ms <= 1.25 * SEND_BACKOFF_MS[attempt - 1]
        story.until(story.now_ms + wait_ms).then_bodies("attempted")
        assert story.body("attempted").attempt == attempt + 1
    story.then_replays()


def test_the_providers_wish_is_kept() -> None:
    """Retry-After of the provider wins over our back-off."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, retry_after_ms=77_000))
    assert story.body("deferred").next_at_ms == story.now_ms + 77_000


def test_given_up_after_a_day() -> None:
    """A send that was never accepted fails exactly when its time is over, visibly."""
    story, send_id = asked()
    attempt = 1
    while "failed" not in story.bodies():
        story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, attempt, error="busy"))
        story.until(story.body("deferred").next_at_ms)
        attempt += 1
    assert story.body("failed").error == "given up after 24 h"
    assert story.now_ms == START_MS + SEND_DEAD_AFTER_MS
    assert story.state.data.sends == {}
    story.then_replays()


def test_refused_for_good_fails_at_once() -> None:
    """What the provider refuses for good is not tried again."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, SEND_OUTCOME_FAILED, error="whatsapp 131026"))
    assert story.body("failed").error == "whatsapp 131026"
    story.until(START_MS + 2 * DAY_MS).then_bodies()


def test_lease_over_without_result_is_uncertain_and_never_sent_again() -> None:
    """An attempt without a result is uncertain, and nobody calls the provider again by himself."""
    story, _ = asked()
    story.until(START_MS + SEND_LEASE_MS - 1).then_bodies()
    story.until(START_MS + SEND_LEASE_MS).then_bodies("uncertain")
    assert story.new[0].origin_id == REQUEST
    story.until(START_MS + 2 * DAY_MS).then_bodies()
    story.then_replays()


def test_unclear_outcome_is_uncertain_at_once() -> None:
    """A sender that cannot tell says so, and the send is uncertain without waiting for the lease."""
    story, send_id = asked()
    story.when("conversations", s.report(send_id, SEND_OUTCOME_UNCERTAIN, error="cut")).then_bodies(
        "uncertain"
    )


def test_late_success_sets_an_uncertain_send_right() -> None:
    """A success that comes after the lease is told: the customer has the message."""
    story, send_id = asked()
    story.until(START_MS + SEND_LEASE_MS)
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies("sent")
    assert story.new[0].origin_id == REQUEST
    story.when("conversations", s.delivered(PROVIDER, DELIVERY_STATE_READ)).then_bodies("delivered")
    story.then_replays()


def test_late_refusal_makes_an_uncertain_send_failed() -> None:
    """A sender that woke after its lease did not send: then it is certain, and not tried again."""
    story, send_id = asked()
    story.until(START_MS + SEND_LEASE_MS)
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY)).then_bodies("failed")
    story.until(START_MS + 2 * DAY_MS).then_bodies()


def test_late_refusal_of_one_attempt_says_nothing_of_an_earlier_one() -> None:
    """Where an earlier attempt may have arrived, or the word is on another attempt, it stays uncertain."""
    story, send_id = asked(s.ALLEGRO, "message.out")
    story.until(START_MS + SEND_DEAD_AFTER_MS + SEND_LEASE_MS)
    assert [e.WhichOneof("body") for e in story.log].count("attempted") > 1
    last = max(e.attempted.attempt for e in story.log if e.HasField("attempted"))
    assert story.log[-1].HasField("uncertain")
    for attempt in (1, last):
        story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY, attempt)).then_bodies()
    story.when("conversations", s.report(send_id, provider_id_hash=PROVIDER)).then_bodies("sent")


def test_webhook_without_result_is_tried_again_with_the_same_id() -> None:
    """A receiver that drops repeats by our id gets the same one again when nobody knows."""
    story, send_id = asked(s.ALLEGRO, "message.out")
    assert story.body("requested").url == s.HOOK
    story.until(START_MS + SEND_LEASE_MS).then_bodies("deferred")
    assert story.body("deferred").maybe_sent
    story.until(START_MS + SEND_LEASE_MS + 7_000).then_bodies("attempted")
    assert story.body("attempted").send_id == send_id
    story.then_replays()


def test_webhook_that_may_have_arrived_ends_uncertain() -> None:
    """What is given up after an attempt without a result is uncertain, not failed."""
    story, send_id = asked(s.ALLEGRO, "message.out")
    story.until(START_MS + 2 * DAY_MS)
    assert story.bodies()[-1] == "uncertain"
    assert story.now_ms == START_MS + 2 * DAY_MS
    assert send_id not in story.state.data.sends


def test_replies_of_a_conversation_go_one_at_a_time_in_order() -> None:
    """The second reply starts only after the first has its result."""
    story, first = asked()
    story.when("routing", s.reply("A", "r2")).then_bodies("requested")
    second = story.body("requested").send_id
    story.until(story.now_ms + 1_000).then_bodies()
    story.when("conversations", s.report(first))
    story.until(story.now_ms).then_bodies("attempted")
    assert story.body("attempted").send_id == second
    story.then_replays()


def test_a_reply_that_waits_for_its_retry_keeps_its_place() -> None:
    """Replies never overtake each other: the second waits while the first is tried again."""
    story, first = asked()
    story.when("routing", s.reply("A", "r2"))
    story.when("conversations", s.report(first, SEND_OUTCOME_RETRY, retry_after_ms=60_000))
    story.until(story.now_ms + 59_000).then_bodies()
    story.until(story.now_ms + 1_000).then_bodies("attempted")
    assert story.body("attempted").send_id == first
    story.then_replays()


def test_an_uncertain_reply_lets_the_next_one_go() -> None:
    """An uncertain reply has its result: the next one of the conversation goes."""
    story, _ = asked()
    story.when("routing", s.reply("A", "r2"))
    second = story.body("requested").send_id
    story.until(START_MS + SEND_LEASE_MS).then_bodies("uncertain", "attempted")
    assert story.body("attempted").send_id == second


def test_conversations_do_not_wait_for_each_other() -> None:
    """Another conversation's reply starts at once."""
    story, _ = asked()
    story.when("conversations", s.message("B", "u2", s.WHATSAPP))
    story.when("routing", s.reply("B", "r2")).then_bodies("requested", "attempted")


def test_an_account_has_a_bounded_number_of_attempts_at_once() -> None:
    """More than the account can call at once wait in order, without a lease running."""
    story = s.story()
    sends = []
    for number in range(ACCOUNT_IN_FLIGHT_MAX + 3):
        story.when("conversations", s.message(f"{number}", f"u{number}", s.WHATSAPP))
        story.when("routing", s.reply(f"{number}", f"r{number}"))
        sends.append(story.body("requested").send_id)
        story.then_replays()
    assert "attempted" not in story.bodies()
    story.until(story.now_ms + 1).then_bodies()
    story.when("conversations", s.report(sends[3])).until(story.now_ms).then_bodies("attempted")
    assert story.body("attempted").send_id == sends[ACCOUNT_IN_FLIGHT_MAX]
    story.then_replays()
    story.until(START_MS + SEND_LEASE_MS + 10)
    assert story.bodies().count("attempted") == 2
    story.then_replays()


def test_no_way_out_fails_with_the_remedy() -> None:
    """A reply on an account that cannot send fails and says what to configure."""
    story, _ = asked(s.ALLEGRO)
    story.then_bodies("requested", "failed")
    assert story.body("failed").error == "account has no way out: configure smtp/secret/webhook"
    assert story.new[1].origin_id == REQUEST
    story.then_replays()


def test_unknown_route_fails_visibly() -> None:
    """A reply to a conversation without a known route gets a result too."""
    s.story().when("routing", s.reply("ghost", "r1")).then_bodies("requested", "failed")


def test_web_chat_without_webhook_is_sent_when_it_is_on_the_log() -> None:
    """Web chat is fetched by the client, so its reply is sent as soon as it is requested."""
    story, send_id = asked(s.CHAT)
    story.then_bodies("requested", "sent").then_replays()
    assert story.body("sent").send_id == send_id
    assert story.state.data.sends == {}


def test_further_subscribers_get_copies() -> None:
    """The first webhook is the delivery; every other subscriber gets a copy of its own."""
    value = s.desk("message.out")
    value.webhooks.add(url="https://second.example/", events=["message.out"])
    story = s.story(value).when("conversations", s.message("A", way=s.ALLEGRO))
    story.when("routing", s.reply("A", REQUEST)).then_bodies(
        "requested", "attempted", "requested", "attempted"
    )
    kinds = [(e.requested.kind, e.requested.url) for e in story.new if e.HasField("requested")]
    assert kinds == [(SEND_KIND_REPLY, s.HOOK), (SEND_KIND_WEBHOOK, "https://second.example/")]
    story.then_replays()


def test_a_webhook_hears_of_a_reply_that_a_sender_of_ours_delivers() -> None:
    """On an account with a sender every subscriber gets a copy, signed and under its own id."""
    story = s.story(s.desk("message.out")).when("conversations", s.message("A", way=s.WHATSAPP))
    story.when("routing", s.reply("A", REQUEST))
    story.then_bodies("requested", "attempted", "requested", "attempted").then_replays()
    ours, copy = (e.requested for e in story.new if e.HasField("requested"))
    assert (ours.kind, ours.url) == (SEND_KIND_REPLY, "")
    assert (copy.kind, copy.url, copy.event_name) == (SEND_KIND_WEBHOOK, s.HOOK, "message.out")
    assert copy.idempotent


def test_what_may_have_arrived_is_uncertain_whatever_ends_it() -> None:
    """A call without a result that an erasure ends is uncertain: it may have been taken."""
    story, _ = asked(s.ALLEGRO, "message.out")
    story.when("conversations", s.erasure())
    story.until(START_MS + SEND_LEASE_MS).then_bodies("uncertain").then_replays()
    story, _ = asked(s.ALLEGRO, "message.out")
    story.until(START_MS + SEND_LEASE_MS).then_bodies("deferred")
    story.when("conversations", s.erasure()).then_bodies("customer_forgotten", "uncertain").then_replays()
    story, send_id = asked(s.ALLEGRO, "message.out")
    story.until(START_MS + SEND_LEASE_MS + 7_000).then_bodies("deferred", "attempted")
    story.when("conversations", s.report(send_id, SEND_OUTCOME_FAILED, 2)).then_bodies("uncertain")


def test_erasure_drops_what_waits_and_lets_what_runs_end() -> None:
    """An erasure fails waiting replies; the attempt under way ends, and is not tried again."""
    story, first = asked()
    story.when("routing", s.reply("A", "r2"))
    second = story.body("requested").send_id
    story.when("conversations", s.erasure()).then_bodies("customer_forgotten", "failed")
    assert (story.body("failed").send_id, story.body("failed").error) == (second, "customer erased")
    story.when("conversations", s.report(first, SEND_OUTCOME_RETRY)).then_bodies("failed")
    story.when("routing", s.reply("A", "r3")).then_bodies("requested", "failed").then_replays()


def test_who_writes_again_after_an_erasure_is_answered() -> None:
    """What a customer writes after their erasure is new, and may be answered."""
    story, _ = asked()
    story.when("conversations", s.erasure())
    story.when("conversations", s.message("A", way=s.WHATSAPP, key=b"key-2")).then_bodies("route")
    story.until(START_MS + SEND_LEASE_MS)
    story.when("routing", s.reply("A", "r2")).then_bodies("requested", "attempted")


def test_erasure_of_a_merged_customer_reaches_both() -> None:
    """A customer who was merged away is erased with the one who remained."""
    from_old = s.said(merged={"customer_id": "u1", "merged_id": "u9"})
    story = s.story().when("conversations", s.message("A", "u9", s.WHATSAPP)).when("conversations", from_old)
    story.then_replays()
    story.when("conversations", s.erasure("u1"))
    assert story.state.data.routes[s.conv("A")].sealed == b""
    story.then_replays()


def test_who_was_erased_together_is_told_apart_afterwards() -> None:
    """Two who were one customer are erased, and begin anew as two, so that nothing of the one is sent to the
    other; what was open before can be closed."""
    same = s.said(merged={"customer_id": "u1", "merged_id": "u9"})
    story = s.story().when("conversations", s.message("A", "u9")).when("conversations", same)
    story.when("conversations", s.erasure("u1")).then_replays()
    story.when("conversations", s.message("B", "u9")).then_replays()
    assert story.state.data.merged == {}
    assert story.state.by_customer == {"u9": (s.conv("A"), s.conv("B"))}
    story.when("routing", s.resolved("A")).when("routing", s.resolved("B")).then_replays()
    assert story.state.by_customer == {}


def test_a_skipped_deadline_goes_away() -> None:
    """A deadline that could not be decided is over, so that the engine goes on."""
    story, send_id = asked()
    skipped = story.engine.EVENT(desk_id=s.DESK, occurred_at_ms=START_MS)
    skipped.skipped.topic, skipped.skipped.input_id = "deadline", "lease:" + send_id
    story.given(skipped)
    assert story.engine.next_deadline_ms(story.state) is None
    story.then_replays()


def test_suppressed_why_is_never_told_of_a_reply() -> None:
    """A reply always ends as sent, failed or uncertain: those are what sla waits for."""
    story, _ = asked()
    story.when("routing", s.reply("A", "r2")).when("conversations", s.erasure())
    assert all(e.suppressed.why != SUPPRESSED_WHY_CLOSED for e in story.log if e.HasField("suppressed"))
    assert not any(e.HasField("suppressed") for e in story.log)


def test_success_counts_whatever_attempt_it_names() -> None:
    """A success of an earlier attempt that comes late ends the send."""
    story, send_id = asked(s.ALLEGRO, "message.out")
    story.until(START_MS + SEND_LEASE_MS)
    story.when("conversations", s.report(send_id, SEND_OUTCOME_SENT, 1)).then_bodies("sent")
    story.until(START_MS + DAY_MS).then_bodies()


def test_an_order_that_arrives_while_its_notice_is_tried_again() -> None:
    """A notice that was under way when its order closed is not tried again."""
    story = s.story().when("conversations", s.order()).when("conversations", s.shipment(s.PROMISED + DAY_MS))
    story.until(story.now_ms).then_bodies("attempted")
    send_id = story.body("attempted").send_id
    story.when("conversations", s.order(status=ORDER_STATUS_DELIVERED)).then_bodies("order", "withdrawn")
    story.when("conversations", s.report(send_id, SEND_OUTCOME_RETRY)).then_bodies("suppressed")
    assert story.body("suppressed").why == SUPPRESSED_WHY_CLOSED
    story.then_replays()
