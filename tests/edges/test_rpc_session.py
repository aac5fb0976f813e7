"""An agent's session: what they are told, what they ask for, how it ends and begins again."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proto.v1.rpc_agents_pb2 import (
    Accept,
    AddNote,
    AgentUp,
    Decline,
    Hello,
    Reopen,
    Reply,
    Resolve,
    SetPresence,
    SetPriority,
    Transfer,
)
from proto.v1.rpc_intake_pb2 import Sender
from services.runtime.clock import SystemClock
from tests.edges.calls import WAIT_S, Caller, Session, StillLog, calling, failed, key, message
from tests.edges.installation import DESK

CODE = grpc.StatusCode


async def offered(caller: Caller, session: Session, external_id: str = "m1") -> Any:
    """A message comes in; the offer that rings for it."""
    await caller.intake.Submit(message(external_id), metadata=caller.admin)
    return (await session.next("offer")).offer


async def ended(call: Any) -> None:
    """Read a stream to its end; raises how it failed."""
    async with asyncio.timeout(WAIT_S):
        while await call.read():
            continue


async def test_a_whole_conversation_by_one_stream() -> None:
    """Offer, accept, reply, note, priority, resolve, reopen: each is answered by its key, and is told."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            assert ola.told[0].snapshot.capacity.of == 100
            offer = await offered(caller, ola)
            assert offer.conversation.customer.name == "Jan"
            assert offer.expires_at.seconds > 1_700_000_000
            talk = offer.conversation_id
            answer = await ola.ask(key="k1", accept=Accept(offer_id=offer.offer_id))
            assert (answer.key, answer.owner, answer.conversation_id) == ("k1", "ola", talk)
            if not any(down.HasField("assigned") for down in ola.told):
                await ola.next("assigned")
            asked: list[dict[str, Any]] = [
                {"reply": Reply(conversation_id=talk, text="Jest w drodze.", promise_within="2h")},
                {"note": AddNote(conversation_id=talk, text="Sprawdzić jutro.")},
                {"priority": SetPriority(conversation_id=talk, priority=9)},
                {"resolve": Resolve(conversation_id=talk, reason="answered")},
                {"reopen": Reopen(conversation_id=talk, reason="again")},
            ]
            for number, body in enumerate(asked):
                answer = await ola.ask(key=f"r{number}", **body)
                assert not answer.HasField("refused"), (body, answer)
                assert answer.record_id
            shown = await caller.made.call("GET", f"/v1/desks/rowery/conversations/{talk}")
            said = [(one["direction"], one["text"]) for one in shown.json()["messages"]]
            assert said == [
                ("in", "Gdzie jest moja paczka?"), ("out", "Jest w drodze."), ("note", "Sprawdzić jutro."),
            ]  # fmt: skip


async def test_a_key_means_the_same_by_either_door() -> None:
    """What was asked by HTTP and comes again by gRPC under its key has the same answer and is done once,
    whether the body names the agent or the session does."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)
            talk = offer.conversation_id
            await ola.ask(key="a", accept=Accept(offer_id=offer.offer_id))
            asked: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
                ("replies", {"text": "Jutro."}, {"reply": Reply(conversation_id=talk, text="Jutro.")}),
                ("notes", {"text": "Tak."}, {"note": AddNote(conversation_id=talk, text="Tak.")}),
                ("priority", {"priority": 7}, {"priority": SetPriority(conversation_id=talk, priority=7)}),
                (
                    "transfer",
                    {"to": {"queue": "ogolna"}, "note": "Proszę."},
                    {"transfer": Transfer(conversation_id=talk, queue="ogolna", note="Proszę.")},
                ),
            ]
            for name, body, same in asked:
                path = f"/v1/desks/rowery/conversations/{talk}/{name}"
                first = await caller.made.call("POST", path, {"agent": "ola", **body}, Idempotency_Key=name)
                assert first.status_code == 202, first.text
                again = await ola.ask(key=name, **same)
                assert not again.HasField("refused"), (name, again)
                assert again.record_id == first.json()["record_id"]


async def test_a_lead_hears_an_escalation() -> None:
    """What an escalation step tells a lead comes on their session as on their stream."""
    async with calling() as caller:
        await caller.made.desk("ola", "szef")
        step = {"at": "warning", "do": "notify", "to": "szef"}
        policy = {"name": "n", "first_response": "1s", "warn_at": 0.1, "escalate": [step]}
        done = await caller.made.call("PUT", "/v1/desks/rowery", {**DESK, "sla": [policy]})
        assert done.status_code == 200, done.text
        async with caller.session("szef") as szef:
            await caller.intake.Submit(message("m1"), metadata=caller.admin)
            told = (await szef.next("escalated")).escalated
            assert (told.kind, told.at, told.conversation.customer.name) == (
                "first_response",
                "warning",
                "Jan",
            )


async def test_transfer_decline_and_presence() -> None:
    """What is declined or handed over goes to another agent; who says busy gets nothing new."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)
            await caller.made.desk("ola", "kuba")
            async with caller.session("kuba") as kuba:
                answer = await ola.ask(decline=Decline(offer_id=offer.offer_id, reason="busy"))
                assert not answer.HasField("refused")
                second = (await kuba.next("offer", "snapshot")).offer
                assert second.conversation_id == offer.conversation_id
                await kuba.ask(key="a", accept=Accept(offer_id=second.offer_id))
                away = await ola.ask(presence=SetPresence(state="busy"))
                assert not away.HasField("refused")
                talk = offer.conversation_id
                nobody = await kuba.ask(transfer=Transfer(conversation_id=talk, agent="nobody"))
                assert nobody.refused.code == CODE.INVALID_ARGUMENT.value[0]
                nowhere = await kuba.ask(transfer=Transfer(conversation_id=talk))
                assert [field.pointer for field in nowhere.refused.fields] == ["/transfer/to"]
                given_on = await kuba.ask(transfer=Transfer(conversation_id=talk, skill="dostawa"))
                assert not given_on.HasField("refused")
                assert (await kuba.next("closed")).closed.conversation_id == talk


async def test_a_refused_request_says_who_has_it() -> None:
    """An answer to an offer of somebody else's, a reply without the conversation: why, and the owner."""
    async with calling() as caller:
        await caller.made.desk("ola", "kuba")
        async with caller.session("ola") as ola, caller.session("kuba") as kuba:
            await caller.intake.Submit(message("m1"), metadata=caller.admin)
            both = {asyncio.create_task(one.next("offer")): one for one in (ola, kuba)}
            done, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            [rang] = done
            taker = both[rang]
            offer = rang.result().offer
            await taker.ask(key="a", accept=Accept(offer_id=offer.offer_id))
            refused = await taker.ask(key="b", accept=Accept(offer_id=offer.offer_id))
            assert refused.refused.why == "already_accepted"
            assert refused.refused.owner == offer.agent
            assert refused.refused.code == CODE.FAILED_PRECONDITION.value[0]


async def test_the_same_key_gets_the_same_answer() -> None:
    """A request that comes again over another connection is answered as the first was, and done once."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)
            first = await ola.ask(key="k1", accept=Accept(offer_id=offer.offer_id))
        async with caller.session("ola") as again:
            assert await again.ask(key="k1", accept=Accept(offer_id=offer.offer_id)) == first
            other = await again.ask(key="k1", accept=Accept(offer_id=offer.offer_id, reason="x"))
            assert other.refused.code == CODE.INVALID_ARGUMENT.value[0]
            wrong = await again.ask(key="k 1", accept=Accept(offer_id=offer.offer_id))
            assert wrong.refused.code == CODE.INVALID_ARGUMENT.value[0]


async def test_fifty_accepts_at_once_by_both_doors() -> None:
    """Of fifty different accepts of one offer, half by HTTP and half by gRPC, one is granted; each of the
    others hears who has it and why."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)
            path = f"/v1/desks/rowery/offers/{offer.offer_id}/accept"

            async def by_http(number: int) -> tuple[bool, Any]:
                done = await caller.made.call("POST", path, {"agent": "ola"}, Idempotency_Key=f"h{number}")
                told = done.json()
                return done.status_code == 200, (told.get("owner"), told.get("why"))

            async def by_grpc(number: int) -> tuple[bool, Any]:
                async with caller.session("ola") as session:
                    answer = await session.ask(key=f"g{number}", accept=Accept(offer_id=offer.offer_id))
                refused = answer.refused
                return not answer.HasField("refused"), (refused.owner or answer.owner, refused.why)

            calls = [kind(number) for number in range(25) for kind in (by_http, by_grpc)]
            answers = await asyncio.gather(*calls)
            assert [granted for granted, _ in answers].count(True) == 1
            assert {told for granted, told in answers if not granted} == {("ola", "already_accepted")}


async def test_who_connects_again_sees_the_open_offer() -> None:
    """An offer that rang while nobody listened is in the next snapshot, under the id that it has."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)
        ewa = {"from": Sender(address="ewa@example.pl")}
        await caller.intake.Submit(message("m2", **ewa), metadata=caller.admin)
        path = "/v1/desks/rowery/conversations?state=offered"

        async def listed() -> Any:
            return (await caller.made.call("GET", path)).json()["items"]

        await caller.made.until(listed, lambda items: len(items) == 2)
        async with caller.session("ola") as again:
            offers = {one.offer_id: one for one in again.told[0].snapshot.offers}
            assert len(offers) == 2
            assert offers[offer.offer_id].conversation_id == offer.conversation_id
            assert offers[offer.offer_id].conversation.customer.name == "Jan"


async def test_an_open_session_is_presence_and_leaves_nothing() -> None:
    """While it is open the agent is here; after a cut nothing of it is left, waiting or subscribed."""
    async with calling() as caller:
        await caller.made.desk("ola")
        hub = caller.made.app.hub
        async with caller.session("ola"):
            assert hub.sessions["rowery", "ola"] == 1

        async def left() -> Any:
            return hub.sessions, hub.listeners, hub.waiting

        await caller.made.until(left, lambda found: not any(found))


async def test_who_ends_their_side_still_listens() -> None:
    """A caller that has nothing to ask may close its side: the session goes on telling."""
    async with calling() as caller:
        await caller.made.desk("ola")
        call = caller.agents.Connect(metadata=caller.admin)
        session = Session(call)
        await session.say(hello=Hello(desk="rowery", agent="ola"))
        await call.done_writing()
        await session.next("snapshot")
        await offered(caller, session)
        call.cancel()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (AgentUp(), CODE.INVALID_ARGUMENT),
        (AgentUp(accept=Accept(offer_id="o1")), CODE.INVALID_ARGUMENT),
        (AgentUp(hello=Hello(desk="rowery")), CODE.INVALID_ARGUMENT),
        (AgentUp(hello=Hello(desk="rowery", agent="nobody")), CODE.NOT_FOUND),
        (AgentUp(hello=Hello(desk="nowhere", agent="ola")), CODE.NOT_FOUND),
        (None, CODE.INVALID_ARGUMENT),
    ],
)
async def test_a_session_must_say_whose_it_is(first: AgentUp | None, code: grpc.StatusCode) -> None:
    """Without a hello that names a known agent there is no session."""
    async with calling() as caller:
        await caller.made.desk("ola")
        call = caller.agents.Connect(iter([first] if first is not None else []), metadata=caller.admin)
        assert await call.code() == code


async def test_an_agents_key_speaks_for_one_agent_until_it_is_removed() -> None:
    """The agent may be left out; another's session is refused; a removed key ends an open one."""
    async with calling() as caller:
        await caller.made.desk("ola", "kuba")
        path = "/v1/desks/rowery/keys"
        made = (await caller.made.call("POST", path, {"scope": "agent", "agent": "ola"})).json()
        own = key(made["key"])
        other = AgentUp(hello=Hello(desk="rowery", agent="kuba"))
        assert await caller.agents.Connect(iter([other]), metadata=own).code() == CODE.PERMISSION_DENIED
        async with caller.session("", metadata=own) as ola:
            assert ola.told[0].snapshot.agent == "ola"
            await caller.made.call("DELETE", f"{path}/{made['id']}")
            await ola.say(presence=SetPresence(state="away"))
            assert (await failed(ended(ola.call))).code == CODE.UNAUTHENTICATED


async def test_streams_end_when_the_process_stops() -> None:
    """A stop ends open sessions with UNAVAILABLE and the word to come again."""
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            caller.made.app.hub.close()
            told = await failed(ended(ola.call))
            assert (told.code, told.retry_s) == (CODE.UNAVAILABLE, 1.0)


text = st.text(max_size=12)
bodies = st.one_of(
    st.builds(Hello, desk=text, agent=text).map(lambda body: {"hello": body}),
    st.builds(SetPresence, state=text, ttl_s=st.integers(0, 2**32 - 1)).map(lambda b: {"presence": b}),
    st.builds(Accept, offer_id=text, reason=text).map(lambda body: {"accept": body}),
    st.builds(Decline, offer_id=text, reason=text).map(lambda body: {"decline": body}),
    st.builds(Reply, conversation_id=text, text=text, html=text, promise_within=text).map(
        lambda body: {"reply": body}
    ),
    st.builds(Transfer, conversation_id=text, queue=text, note=text).map(lambda body: {"transfer": body}),
    st.builds(Resolve, conversation_id=text, last_message_seen=text).map(lambda b: {"resolve": b}),
    st.builds(Reopen, conversation_id=text).map(lambda body: {"reopen": body}),
    st.builds(SetPriority, conversation_id=text, priority=st.integers(0, 2**32 - 1)).map(
        lambda body: {"priority": body}
    ),
    st.builds(AddNote, conversation_id=text, text=text).map(lambda body: {"note": body}),
    st.just({}),
)
OURS = {CODE.INTERNAL.value[0], CODE.UNKNOWN.value[0], CODE.DEADLINE_EXCEEDED.value[0]}


async def test_no_request_breaks_a_session() -> None:
    """Whatever an agent sends is answered, never as an error of ours, and the session goes on."""
    loop = asyncio.get_running_loop()
    async with calling() as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)

            @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
            @given(st.lists(st.tuples(text, bodies), min_size=1, max_size=5))
            def any_requests(asked: list[tuple[str, Any]]) -> None:
                async def ask() -> None:
                    for name, body in asked:
                        answer = await ola.ask(key=name, **body)
                        assert answer.key == name
                        assert answer.refused.code not in OURS, (body, answer)

                asyncio.run_coroutine_threadsafe(ask(), loop).result(2 * WAIT_S)

            await asyncio.to_thread(any_requests)
            granted = await ola.ask(key="last", accept=Accept(offer_id=offer.offer_id))
            assert not granted.HasField("refused")
        assert caller.made.app.ready()


async def test_an_outcome_that_does_not_come_is_unknown() -> None:
    """Where nothing decides, a request is answered within its bound: not known yet, the same key again."""
    log = StillLog(SystemClock())
    async with calling(log=log) as caller:
        await caller.made.desk("ola")
        async with caller.session("ola") as ola:
            offer = await offered(caller, ola)
            log.still = frozenset(["routing"])
            answer = await ola.ask(key="k", accept=Accept(offer_id=offer.offer_id))
            assert answer.refused.code == CODE.UNAVAILABLE.value[0]
            assert "same key" in answer.refused.message
            assert answer.refused.retry_after_s == 1.0
