"""Presence, the last agent, bots and humans, escalations: who keeps a conversation, who gets it back."""

from __future__ import annotations

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.router.state import SHARED_MAX
from tests.router.scenes import DAY, MINUTE, SECOND, Scene, desk, queue

ONLINE, BUSY, AWAY, OFFLINE = (
    pb.PRESENCE_STATE_ONLINE,
    pb.PRESENCE_STATE_BUSY,
    pb.PRESENCE_STATE_AWAY,
    pb.PRESENCE_STATE_OFFLINE,
)


def test_a_lost_agent_keeps_mail_only() -> None:
    """Lost: offers are withdrawn, live conversations wait again with their age; e-mail stays."""
    scene = Scene().agent("anna", capacity=100).arrives("c1").accepts("c1").arrives("c2")
    scene.arrives("m1", channel="email", account="pomoc").accepts("m1").at(scene.now_ms + SECOND)
    scene.session("anna", found=False)
    scene.then_bodies("agent_lost", "released", "queued", "withdrawn", "queued", "looked")
    assert scene.where("m1") == ("owned", "anna")
    queued = [e.queued for e in scene.new if e.WhichOneof("body") == "queued"]
    assert {q.since_ms for q in queued} == {scene.now_ms - SECOND}
    assert {q.why for q in queued} == {rt.QUEUED_WHY_AGENT_LOST}
    scene.presence("anna", OFFLINE)
    assert scene.where("m1") == ("waiting", "")
    scene.then_replays()


def test_offline_releases_everything() -> None:
    """Who goes offline has nothing in hand any more, and others get it at once."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1").arrives("c2").agent("bob")
    scene.presence("anna", OFFLINE)
    assert scene.where("c1") == ("offered", "bob")
    assert scene.where("c2") == ("offered", "bob")


def test_a_bot_with_very_much_is_relieved_in_steps() -> None:
    """Hundreds of conversations of one agent come back in bounded steps."""
    scene = Scene().agent("bot", bot=True, capacity=30 * 250)
    for i in range(250):
        scene.at(scene.now_ms + 1).arrives(f"c{i:03}").accepts(f"c{i:03}")
    scene.presence("bot", OFFLINE)
    assert scene.bodies().count("released") == 250
    assert scene.bodies().count("looked") == 3
    scene.presence("bot", ONLINE)
    assert scene.bodies().count("offered") == 250
    scene.then_replays()


def test_presence_with_a_time_ends_with_it() -> None:
    """A presence that was put for a while holds so long without a session, and then is lost."""
    scene = Scene().agent("anna", online=False).presence("anna", ONLINE, ttl_ms=MINUTE)
    scene.arrives("c1").accepts("c1")
    start_ms = scene.now_ms
    scene.until(start_ms + MINUTE - 1).then_bodies()
    scene.until(start_ms + MINUTE).then_bodies("agent_lost", "released", "queued", "looked")


def test_presence_without_a_time_needs_a_session_soon() -> None:
    """Online without a time and without a session holds for `agent_lost_after`."""
    scene = Scene().agent("anna", online=False).presence("anna", ONLINE).arrives("c1")
    assert scene.where("c1") == ("offered", "anna")
    scene.until(scene.now_ms + 10 * SECOND)
    assert scene.where("c1") == ("waiting", "")


def test_a_session_in_the_grace_keeps_the_agent() -> None:
    """A session that comes in time holds on for itself; one that is lost gives way to a put time."""
    scene = Scene().agent("anna", online=False).presence("anna", ONLINE).session("anna")
    scene.until(scene.now_ms + MINUTE).then_bodies()
    scene.presence("anna", ONLINE, ttl_ms=MINUTE).session("anna", found=False)
    assert scene.body("agent_lost").held
    assert scene.arrives("c1").where("c1") == ("offered", "anna")


def test_found_again_gets_work_again() -> None:
    """Who comes back after a loss, still declared online, is offered what waits."""
    scene = Scene().agent("anna").session("anna", found=False).arrives("c1")
    assert scene.where("c1") == ("waiting", "")
    scene.session("anna")
    assert scene.where("c1") == ("offered", "anna")


def test_only_transitions_are_logged() -> None:
    """A session that is seen again and again says nothing new."""
    scene = Scene().agent("anna").session("anna")
    scene.then_bodies()
    scene.session("nobody").then_bodies()
    scene.presence("nobody", ONLINE).then_bodies()


def test_a_returning_conversation_goes_to_its_last_agent() -> None:
    """A customer who writes again after it was resolved is offered to the agent who had it."""
    scene = Scene().agent("anna").agent("bob").arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
    scene.at(scene.now_ms + DAY).arrives("c2").accepts("c2").asks("resolve", "", "c2").arrives("c3")
    scene.writes("c1", "m2").then_bodies("reopened", "queued", "offered")
    assert scene.where("c1") == ("offered", "anna")
    assert scene.body("queued").why == rt.QUEUED_WHY_REOPENED
    scene.then_replays()


def test_a_returning_customer_goes_to_their_last_agent() -> None:
    """A new conversation of a customer prefers the agent who served them last."""
    scene = Scene().agent("anna").arrives("c1", customer_id="u").accepts("c1").asks("resolve", "anna", "c1")
    scene.agent("bob").arrives("c2", customer_id="x")
    assert scene.where("c2") == ("offered", "bob") or scene.where("c2") == ("offered", "anna")
    scene.arrives("c3", customer_id="u")
    assert scene.where("c3") == ("offered", "anna")


def test_it_waits_a_while_for_a_busy_last_agent() -> None:
    """While the last agent is there but full it waits for them alone, but no longer than allowed."""
    scene = Scene().agent("anna", capacity=30).arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
    scene.arrives("c2").accepts("c2").agent("bob").writes("c1", "m2")
    assert scene.where("c1") == ("waiting", "")
    assert scene.body("queued").last_agent_until_ms == scene.now_ms + 2 * MINUTE
    scene.until(scene.now_ms + 2 * MINUTE).then_bodies("reconsidered", "offered")
    assert scene.where("c1") == ("offered", "bob")
    scene.then_replays()


def test_the_last_agent_takes_it_when_freed() -> None:
    """Freed in time, the last agent gets what waits for them."""
    scene = Scene().agent("anna", capacity=30).arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
    scene.arrives("c2").accepts("c2").agent("bob").writes("c1", "m2").asks("resolve", "anna", "c2")
    assert scene.where("c1") == ("offered", "anna")


def test_nobody_waits_for_an_absent_last_agent() -> None:
    """If the last agent is away or offline anybody able is asked at once."""
    for state in (AWAY, OFFLINE):
        scene = Scene().agent("anna").arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
        scene.presence("anna", state).agent("bob").writes("c1", "m2")
        assert scene.where("c1") == ("offered", "bob")


def test_who_is_brought_back_by_a_message_is_said() -> None:
    """A conversation that the customer opened again says so, by which message and since when."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
    queued = scene.writes("c1", "m2").body("queued")
    assert (queued.by_customer, queued.last_message_id, queued.since_ms) == (True, "m2", scene.now_ms)
    assert not scene.arrives("c2").body("queued").by_customer


def test_who_comes_back_with_few_words_is_asked_in_their_language() -> None:
    """A message too short to tell its language opens a conversation again: it needs what it needed before."""
    scene = Scene().agent("anna", languages=("pl",)).agent("bob", languages=("en",))
    scene.arrives("c1", language="en").accepts("c1").asks("resolve", "bob", "c1").presence("bob", OFFLINE)
    scene.writes("c1", "m2")
    assert scene.where("c1") == ("waiting", "")
    assert scene.body("queued").language == "en"
    scene.presence("bob", ONLINE)
    assert scene.where("c1") == ("offered", "bob")
    scene.then_replays()


def test_an_automatic_reply_brings_nobody_back() -> None:
    """An out-of-office reply to a resolved conversation does not reopen it."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1").asks("resolve", "anna", "c1")
    scene.writes("c1", "m2", auto_kind="AUTO_KIND_AUTO_REPLY").then_bodies()


def test_a_message_to_an_open_conversation_is_seen() -> None:
    """Another message to an owned conversation leaves it where it is."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1").writes("c1", "m2").then_bodies("message_seen")
    assert scene.conversation("c1").last_message == "m2"


def test_new_labels_move_a_waiting_conversation() -> None:
    """A message that changes what a waiting conversation is about moves it to the right queue."""
    config = desk(queue("reklamacje", {}, {"mood": ["angry"]}, human_only=True), queue("o", {"x": 1}))
    scene = Scene(config).agent("anna").arrives("c1").writes("c1", "m2", mood="angry")
    scene.then_bodies("message_seen", "queued", "human_only", "offered")
    assert scene.conversation("c1").queue == "reklamacje"
    assert scene.conversation("c1").human_only


BOTS = pb.Bots(asked=True, order_value_over_minor=150_000, failed_answers=2, silent_for_ms=10 * SECOND)


def bot_owns(*queues: pb.Queue) -> Scene:
    """c1 is a bot's; anna came later."""
    scene = Scene(desk(*queues, bots=BOTS)).agent("bot", bot=True, capacity=900).arrives("c1").accepts("c1")
    return scene.agent("anna")


def test_a_bot_gets_what_anybody_may_have() -> None:
    """Bots are agents."""
    assert bot_owns().where("c1") == ("owned", "bot")


def test_asking_for_a_human_takes_it_from_the_bot() -> None:
    """The bot is released at once, and never gets it back, reopened neither."""
    scene = bot_owns().writes("c1", "m2", wants_human=True)
    scene.then_bodies("message_seen", "human_only", "released", "queued", "offered")
    assert scene.where("c1") == ("offered", "anna")
    scene.accepts("c1").asks("resolve", "anna", "c1").presence("anna", OFFLINE).writes("c1", "m3")
    assert scene.where("c1") == ("waiting", "")
    assert scene.conversation("c1").human_only
    scene.then_replays()


def test_asking_from_the_start() -> None:
    """A first message that asks for a human is never offered to a bot."""
    scene = Scene(desk(bots=BOTS)).agent("bot", bot=True).arrives("c1", wants_human=True)
    scene.then_bodies("human_only", "queued")


def test_a_bot_that_rings_loses_the_offer() -> None:
    """An offer to a bot is withdrawn when a human is wanted."""
    scene = Scene(desk(bots=BOTS)).agent("bot", bot=True).arrives("c1").writes("c1", "m2", wants_human=True)
    scene.then_bodies("message_seen", "human_only", "withdrawn", "queued")


def test_a_valuable_order_is_for_humans() -> None:
    """An order over the limit, with the first message or attached later, takes it from a bot."""
    assert "human_only" in bot_owns().arrives("c2", order_value_minor=150_001).bodies()
    assert bot_owns().order("c1", 150_000).bodies() == []
    scene = bot_owns().order("c1", 150_001)
    assert scene.body("human_only").why == rt.HUMAN_WHY_ORDER_VALUE
    assert scene.where("c1") == ("offered", "anna")


def test_a_queue_may_be_for_humans() -> None:
    """A queue that is for humans only makes its conversations so, for ever."""
    scene = bot_owns(queue("h", {}, {"intent": ["complaint"]}, human_only=True), queue("o"))
    scene.presence("anna", AWAY).arrives("c2", intent="complaint")
    assert scene.body("human_only").why == rt.HUMAN_WHY_QUEUE
    assert scene.where("c2") == ("waiting", "")


def test_failed_answers_are_counted_in_a_row() -> None:
    """After two answers of a bot that the customer wrote on after, a human gets it."""
    scene = bot_owns().asks("reply", "bot", "c1").writes("c1", "m2").then_bodies("message_seen")
    scene.asks("reply", "bot", "c1").asks("reply", "bot", "c1").writes("c1", "m3")
    scene.then_bodies("message_seen", "human_only", "released", "queued", "offered")
    assert scene.body("human_only").why == rt.HUMAN_WHY_FAILED_ANSWERS


def test_nobody_is_trapped_with_a_bot_that_resolves() -> None:
    """Coming back after a bot resolved it counts as a failed answer: the second time humans get it."""
    scene = bot_owns().presence("anna", AWAY)
    scene.asks("resolve", "bot", "c1").writes("c1", "m2").accepts("c1")
    assert scene.where("c1") == ("owned", "bot")
    scene.asks("resolve", "bot", "c1").writes("c1", "m3")
    assert scene.body("human_only").why == rt.HUMAN_WHY_FAILED_ANSWERS
    assert scene.where("c1") == ("waiting", "")


def test_a_silent_bot_is_relieved() -> None:
    """A bot that says nothing for the time allowed after a message loses the conversation."""
    scene = bot_owns().asks("reply", "bot", "c1")
    scene.until(scene.now_ms + MINUTE).then_bodies()
    scene.writes("c1", "m2")
    scene.until(scene.now_ms + 10 * SECOND).then_bodies("human_only", "released", "queued", "offered")
    assert scene.body("human_only").why == rt.HUMAN_WHY_BOT_SILENT
    silent_from_start = bot_owns()
    silent_from_start.until(silent_from_start.now_ms + 10 * SECOND)
    assert silent_from_start.where("c1") == ("offered", "anna")


def escalation(key: str, do: str, *to: str) -> dict[str, object]:
    """A step of sla's."""
    return {"conversation_id": key, "do": "ESCALATION_DO_" + do, "to": to}


def test_escalation_raises_the_priority() -> None:
    """A higher priority is taken over, a lower one is not."""
    scene = Scene().arrives("c1").promise(escalated=escalation("c1", "RAISE_PRIORITY", "10"))
    assert scene.then_bodies("priority").conversation("c1").priority == 10
    scene.promise(escalated=escalation("c1", "RAISE_PRIORITY", "6")).then_bodies()


def test_escalation_widens_skills() -> None:
    """Nothing is required any more, and whoever has room is asked."""
    scene = Scene(desk(queue("z", {"zwroty": 5}))).agent("anna").arrives("c1")
    scene.promise(escalated=escalation("c1", "WIDEN_SKILLS")).then_bodies("relaxed", "offered")
    scene.declines("c1")
    assert dict(scene.body("queued").requires) == {}
    scene.then_replays()


def test_escalation_reassigns() -> None:
    """The owner is released and not asked again for a while; another gets it."""
    scene = Scene().agent("anna").arrives("c1").accepts("c1").agent("bob")
    scene.promise(escalated=escalation("c1", "REASSIGN")).then_bodies("released", "queued", "offered")
    assert scene.where("c1") == ("offered", "bob")
    assert "anna" in (scene.conversation("c1").barred or {})
    scene.promise(escalated=escalation("c1", "NOTIFY", "ola")).then_bodies()
    scene.promise(escalated=escalation("c9", "REASSIGN")).then_bodies()


def test_the_nearest_running_target_is_the_deadline() -> None:
    """Targets that start, pause, resume and end move the deadline; what changes nothing says nothing."""

    def target(name: str, due_s: int = 0) -> dict[str, object]:
        body: dict[str, object] = {"conversation_id": "c1", "target_id": name}
        return {**body, "due_at_ms": start_ms + due_s * SECOND} if due_s else body

    scene = Scene().arrives("c1")
    start_ms = scene.now_ms
    assert scene.promise(started=target("a", 60)).body("deadline").due_at_ms == start_ms + 60 * SECOND
    assert scene.promise(started=target("b", 30)).body("deadline").due_at_ms == start_ms + 30 * SECOND
    assert scene.promise(met=target("b")).body("deadline").due_at_ms == start_ms + 60 * SECOND
    assert scene.promise(paused=target("a")).body("deadline").due_at_ms == 0
    scene.promise(cancelled=target("a")).then_bodies()
    assert scene.promise(resumed=target("a", 90)).body("deadline").due_at_ms == start_ms + 90 * SECOND
    scene.then_replays()


def test_what_can_wait_waits_longer_for_its_last_agent() -> None:
    """Under the default, once promises are known: mail for a quarter of its time, a chat not at all."""
    scene = Scene().agent("anna", capacity=100)
    promised = {"m1": ("email", "pomoc", 480 * MINUTE), "c1": ("chat", "www", MINUTE)}
    for key, (channel, account, length_ms) in promised.items():
        scene.arrives(key, channel=channel, account=account, customer_id="u" + channel)
        due_ms = scene.now_ms + length_ms
        scene.promise(started={"conversation_id": key, "target_id": "t" + key, "due_at_ms": due_ms})
        scene.accepts(key).asks("resolve", "anna", key)
    scene.presence("anna", pb.PRESENCE_STATE_BUSY).agent("bob")
    scene.arrives("m2", channel="email", account="pomoc", customer_id="uemail")
    assert scene.body("queued").last_agent_until_ms == scene.now_ms + 120 * MINUTE
    scene.arrives("c2", customer_id="uchat")
    assert not scene.body("queued").last_agent_until_ms
    assert scene.where("c2") == ("offered", "bob")


def test_who_becomes_a_bot_keeps_nothing_for_humans() -> None:
    """An agent is made a bot while they have conversations: what is for humans only waits for one again."""
    scene = Scene().agent("anna", capacity=100).arrives("c1", wants_human=True).accepts("c1")
    scene.arrives("c2").accepts("c2").arrives("c3", wants_human=True)
    scene.agent("anna", capacity=100, bot=True)
    assert [scene.where(key) for key in ("c1", "c2", "c3")] == [
        ("waiting", ""),
        ("owned", "anna"),
        ("waiting", ""),
    ]
    scene.agent("bob", capacity=100)
    assert {scene.where(key) for key in ("c1", "c3")} == {("offered", "bob")}
    scene.then_replays()


def test_what_senders_say_does_not_stay_for_ever() -> None:
    """Attributes may differ with each message: once their conversations are done nothing is left of them."""
    state = Scene().state
    for number in range(SHARED_MAX + 10):
        state.share((("attributes.code", str(number)),))
    assert len(state.shared) <= SHARED_MAX
