"""The main job by HTTP, from the message to the resolution, and the shapes of API.md on the way."""

from __future__ import annotations

from pathlib import Path

from tests.system import shapes
from tests.system.streams import Stream
from tests.system.world import World, checked, start_embedded


async def three_agents(world: World) -> tuple[Stream, Stream, Stream]:
    """Ola has the skill and Polish, Jan lacks the skill, Kim lacks Polish."""
    ola = await world.agent("ola", skills={"zwroty": 3}, languages={"pl": 5})
    jan = await world.agent("jan", skills={"dostawa": 5}, languages={"pl": 5})
    kim = await world.agent("kim", skills={"zwroty": 5}, languages={"en": 5})
    return ola, jan, kim


async def test_a_message_reaches_the_right_agent_and_is_answered(tmp_path: Path) -> None:
    """A customer's message is offered to the one agent with skill and language, accepted, answered, the
    reply is visible, the promises are met, the matter is resolved."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        ola, jan, kim = await three_agents(world)
        board = await world.board()
        ids = await world.message(
            "m1",
            "Dzień dobry, chcę zwrócić kask, jest za mały.",
            attributes={"topic": "zwroty", "a": "b"},
        )
        offer = await ola.expect("offer")
        shapes.fits(shapes.Offer, offer)
        assert not jan.told("offer")
        assert not kim.told("offer")
        waiting = await world.only_conversation(ids["record_id"])
        assert (waiting["state"], waiting["queue"], waiting["owner"]) == ("offered", "zwroty", None)
        assert waiting["attributes"] == {"topic": "zwroty", "a": "b"}
        assert waiting["labels"]["language"] == "pl"

        accepted = await world.accept("ola", offer)
        shapes.fits(shapes.Accepted, accepted)
        assert accepted == {"conversation_id": waiting["id"], "owner": "ola"}
        reply = await world.reply("ola", waiting["id"], "Dzień dobry, wysyłam etykietę.", promise_within="2h")
        await board.expect("target", lambda told: told["state"] == "met")
        told = await ola.expect("message")
        assert told["message"]["text"] == "Dzień dobry, wysyłam etykietę."
        assert told["message"]["state"] != "received", "what we send is not received by us"
        await world.message("m2", "Dziękuję!")
        await ola.expect("message", lambda told: told["message"]["text"] == "Dziękuję!")
        await world.must("POST", f"conversations/{waiting['id']}/resolve", {"agent": "ola", "reason": "ok"})
        await ola.expect("closed")
        await board.expect("resolved")

        done = await world.conversation(waiting["id"], reply["record_id"])
        shapes.fits(shapes.Conversation, done)
        assert (done["state"], done["owner"]) == ("resolved", None)
        assert [(m["direction"], m["author"], m["text"]) for m in done["messages"]] == [
            ("in", "Jan Kowalski", "Dzień dobry, chcę zwrócić kask, jest za mały."),
            ("out", "ola", "Dzień dobry, wysyłam etykietę."),
            ("in", "Jan Kowalski", "Dziękuję!"),
        ]
        assert done["messages"][1]["state"] == "sent"
        states = {target["kind"]: target["state"] for target in done["targets"]}
        assert (states["first_response"], states["resolution"]) == ("met", "met")
        await every_event_has_its_shape(ola, board)
        await every_read_has_its_shape(world, waiting["id"])
    checked(tmp_path)


async def every_event_has_its_shape(agent: Stream, board: Stream) -> None:
    """What was streamed is as API.md says."""
    for events, known in ((agent.events, shapes.AGENT_EVENTS), (board.events, shapes.BOARD_EVENTS)):
        for event in events:
            shapes.fits(known[event.name], event.data)
    assert {event.name for event in agent.events} >= {"snapshot", "offer", "assigned", "message", "closed"}
    wanted = {"snapshot", "queued", "offered", "assigned", "resolved", "target", "notice", "agent"}
    assert {event.name for event in board.events} == wanted


async def every_read_has_its_shape(world: World, conversation: str) -> None:
    """What is read is as API.md says."""
    explained = await world.must("GET", f"conversations/{conversation}/explain")
    shapes.fits(shapes.Explain, explained)
    assert explained["chosen"] == "ola"
    assert explained["considered"] == 3
    ruled_out = {one["rule"]: one for one in explained["ruled_out"]}
    assert {rule: one["count"] for rule, one in ruled_out.items()} == {"skill": 1, "language": 1}
    assert explained["best"][0]["agent"] == "ola"
    assert explained["policy_version"] == (await world.must("GET", "/v1/desks/rowery"))["version"]
    again = await world.must(
        "GET", f"conversations/{conversation}/explain", params={"decision": explained["decision"]}
    )
    assert again == explained
    shapes.fits(list[shapes.Queue], await world.must("GET", "queues"))
    shapes.fits(list[shapes.Summary], await world.conversations())
    customer = (await world.conversation(conversation))["customer"]
    history = await world.must("GET", f"customers/{customer['id']}")
    shapes.fits(shapes.Customer, history)
    shapes.fits(list[shapes.Conversation], history["conversations"])
    shapes.fits(shapes.Wait, await world.must("GET", "wait?channel=chat&skills=zwroty:2&language=pl"))


async def test_a_reconnect_begins_with_what_is_open(tmp_path: Path) -> None:
    """A second connection's snapshot holds the open offer in its whole shape and the owned conversation."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        ola = await world.agent("ola", capacity=60)
        await world.message("m1")
        await world.accept("ola", await ola.expect("offer"))
        await world.message("m2", sender={"address": "ewa@example.pl", "name": "Ewa"})
        offer = await ola.expect("offer", lambda told: told["conversation"]["customer"]["name"] == "Ewa")
        async with world.connected("ola") as again:
            shapes.fits(shapes.AgentSnapshot, again.snapshot)
            assert [one["offer_id"] for one in again.snapshot["offers"]] == [offer["offer_id"]]
            assert [one["reasons"] for one in again.snapshot["offers"]] == [offer["reasons"]]
            assert [one["owner"] for one in again.snapshot["conversations"]] == ["ola"]
            assert again.snapshot["capacity"] == {"used": 60, "of": 60}


async def test_a_language_that_nobody_speaks_waits(tmp_path: Path) -> None:
    """A conversation in a language of the desk waits for somebody who has it, and explains so."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        await world.agent("ola", languages={"pl": 5})
        text = "Hello, where is my parcel? It should have been delivered on Monday."
        ids = await world.message("m1", text, attributes={"language": "en"})
        waiting = await world.only_conversation(ids["record_id"])
        assert (waiting["state"], waiting["labels"]["language"]) == ("waiting", "en")
        shapes.fits(shapes.Explain, await world.must("GET", f"conversations/{waiting['id']}/explain"))
        kim = await world.agent("kim", languages={"en": 4})
        assert (await kim.offer())["conversation_id"] == waiting["id"]
