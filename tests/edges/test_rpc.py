"""Every gRPC call does what its HTTP counterpart does, and says no the same way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from proto.v1.rpc_conversations_pb2 import (
    ExplainConversation,
    GetConversation,
    ListConversations,
    WatchConversation,
)
from proto.v1.rpc_desks_pb2 import GetDesk, PutDesk, WatchDesk
from proto.v1.rpc_intake_pb2 import Message, OrderCustomer, OrderPut, ShipmentPut
from proto.v1.rpc_shapes_pb2 import File, Identity
from proto.v1.rpc_waits_pb2 import EstimateWait
from services.ingest.rpc import begun
from services.kernel.limits import BODY_BYTES_MAX
from services.runtime.problems import Refusal
from services.runtime.rpc_server import MESSAGE_BYTES_MAX
from tests.edges.calls import WAIT_S, Caller, calling, failed, heard, key, message
from tests.edges.installation import DESK
from tools.event_docs import descriptors

CODE = grpc.StatusCode
NEWEST = "r" + "a" * 32
"""As `after`: a read waits for all that the mailbox holds."""


async def conversation_of(caller: Caller, message_id: str) -> str:
    """The conversation that a message opened."""
    found = await caller.conversations.List(
        ListConversations(desk="rowery", after=NEWEST), metadata=caller.admin
    )
    [summary] = [one for one in found.items if one.last_message_id == message_id]
    return str(summary.id)


async def test_every_call_of_the_schemas_is_served() -> None:
    """Whatever proto/v1 declares is there, and nothing else."""
    declared = {
        f"/{file.package}.{service.name}/{method.name}"
        for file in descriptors(Path("proto/v1")).file
        for service in file.service
        for method in service.method
    }
    async with calling() as caller:
        assert set(caller.made.app.rpc.calls()) == declared


async def test_an_unknown_desk_is_never_an_empty_one() -> None:
    """A list of a desk that there is not is NOT_FOUND; where none is named, that is said."""
    async with calling() as caller:
        for desk, code in (("nodesk", grpc.StatusCode.NOT_FOUND), ("", grpc.StatusCode.INVALID_ARGUMENT)):
            listed = caller.conversations.List(ListConversations(desk=desk), metadata=caller.admin)
            assert (await failed(listed)).code == code


async def test_a_message_is_taken_once() -> None:
    """Submit answers when it is durable, with the ids that HTTP gives; the same again changes nothing."""
    async with calling() as caller:
        await caller.made.desk("ola")
        sent = message("m1", attributes={"topic": "dostawa"})
        first = await caller.intake.Submit(sent, metadata=caller.admin)
        again = await caller.intake.Submit(sent, metadata=caller.admin)
        assert first == again
        assert first.external_id == "m1"
        by_http = await caller.made.message("m1")
        assert by_http == {"message_id": first.message_id, "record_id": first.record_id}
        doc = await caller.made.only_conversation(first.record_id)
        assert [one["text"] for one in doc["messages"]] == ["Gdzie jest moja paczka?"]
        assert doc["attributes"] == {"topic": "dostawa"}


async def test_a_files_bytes_arrive() -> None:
    """An attachment is kept as it came, beside its name, type and size."""
    async with calling() as caller:
        await caller.made.desk("ola")
        file = File(name="a.bin", media_type="image/png", data=bytes(range(256)))
        taken = await caller.intake.Submit(message("m1", attachments=[file]), metadata=caller.admin)
        doc = await caller.made.only_conversation(taken.record_id)
        [shown] = doc["messages"][0]["attachments"]
        assert (shown["name"], shown["media_type"], shown["size_bytes"]) == ("a.bin", "image/png", 256)


async def test_a_stream_of_messages_is_answered_in_order() -> None:
    """SubmitStream answers each message in its place; a wrong one is refused, and the others go on."""
    async with calling() as caller:
        await caller.made.desk("ola")
        sent = [message(f"m{n}") for n in range(200)]
        sent[7].ClearField("from")
        sent[8].desk = "nobody"
        call = caller.intake.SubmitStream(iter(sent), metadata=caller.admin)
        answers = [answer async for answer in call]
        assert [answer.external_id for answer in answers] == [f"m{n}" for n in range(200)]
        refused = {n: answer.refused for n, answer in enumerate(answers) if answer.HasField("refused")}
        assert set(refused) == {7, 8}
        assert [field.pointer for field in refused[7].fields] == ["/from/address"]
        assert refused[7].code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert refused[8].code == grpc.StatusCode.NOT_FOUND.value[0]
        assert len({answer.record_id for answer in answers} - {""}) == 198


async def test_a_stream_of_messages_needs_a_known_key() -> None:
    """Whose key nobody knows, or is removed meanwhile, is not answered message by message: the stream ends. A
    key of one desk only is refused the messages of others in their places."""
    async with calling() as caller:
        await caller.made.desk("ola")
        stranger = caller.intake.SubmitStream(iter([message("m1"), message("m2")]), metadata=key("nobody"))
        assert (await failed(heard(stranger))).code == CODE.UNAUTHENTICATED
        made = (await caller.made.call("POST", "/v1/desks/rowery/keys", {"scope": "integration"})).json()
        call: Any = caller.intake.SubmitStream(metadata=key(made["key"]))
        await call.write(message("m3"))
        assert (await heard(call)).record_id
        await call.write(message("m4", desk="inny"))
        assert (await heard(call)).refused.code == CODE.PERMISSION_DENIED.value[0]
        await caller.made.call("DELETE", f"/v1/desks/rowery/keys/{made['id']}")
        await call.write(message("m5"))
        assert (await failed(heard(call))).code == CODE.UNAUTHENTICATED


async def test_a_stream_without_a_message_is_not_kept() -> None:
    """Before the first message nobody knows whose a stream is, so it must come in time."""

    async def silent() -> AsyncIterator[Message]:
        await asyncio.get_running_loop().create_future()
        yield message()

    with pytest.raises(Refusal) as caught:
        await anext(begun(silent(), within_s=0.01))
    assert caught.value.status == 408


async def test_orders_and_shipments_are_taken() -> None:
    """An order and its shipment are what HTTP would have made of them: the same again is the same record."""
    at = Timestamp(seconds=1_780_000_000)
    item = Struct()
    item.update({"name": "Kask", "quantity": 1, "price": 10.5})
    order = OrderPut(
        desk="rowery",
        order_id="77/1",
        customer=OrderCustomer(addresses=[Identity(channel="chat", address="jan@example.pl")], name="Jan"),
        promised_at=at,
        value=199.9,
        currency="PLN",
        items=[item],
    )
    shipment = ShipmentPut(
        desk="rowery", shipment_id="p1", order_ids=["77/1"], status="created", carrier="DPD"
    )
    async with calling() as caller:
        await caller.made.desk("ola")
        taken = await caller.intake.PutOrder(order, metadata=caller.admin)
        body = {
            "order_id": "77/1",
            "customer": {"addresses": [{"channel": "chat", "address": "jan@example.pl"}], "name": "Jan"},
            "promised_at": at.ToJsonString(),
            "value": 199.9,
            "currency": "PLN",
            "items": [{"name": "Kask", "price": 10.5, "quantity": 1}],
        }
        by_http = await caller.made.call("POST", "/v1/desks/rowery/orders", body)
        assert by_http.json() == {"order_id": "77/1", "record_id": taken.record_id}
        assert (await caller.intake.PutShipment(shipment, metadata=caller.admin)).external_id == "p1"
        sent = await caller.intake.Submit(message("m1", order_id="77/1"), metadata=caller.admin)
        doc = await caller.made.only_conversation(sent.record_id)
        [shown] = doc["orders"]
        assert (shown["value"], json.loads(shown["items_json"])) == ("199.90", body["items"])
        assert [one["carrier"] for one in shown["shipments"]] == ["DPD"]


async def test_a_desk_is_stored_and_shown() -> None:
    """Put takes YAML and JSON, Get shows what is stored; every problem of a wrong one is named at once."""
    async with calling() as caller:
        stored = await caller.desks.Put(
            PutDesk(desk="rowery", configuration=json.dumps(DESK)), metadata=caller.admin
        )
        assert (stored.version, json.loads(stored.configuration)) == (1, DESK)
        assert stored.webhook_secret
        text = yaml.safe_dump({**DESK, "name": "Inny"})
        assert (
            await caller.desks.Put(PutDesk(desk="inny", configuration=text), metadata=caller.admin)
        ).version
        assert (await caller.desks.Get(GetDesk(desk="rowery"), metadata=caller.admin)) == stored
        wrong = PutDesk(desk="rowery", configuration='{"time_zone": "Mars", "skills": 7}')
        told = await failed(caller.desks.Put(wrong, metadata=caller.admin))
        assert told.code == grpc.StatusCode.INVALID_ARGUMENT
        assert {"time_zone", "skills"} <= set(told.fields)


async def test_reads_are_those_of_http() -> None:
    """Get, List, Explain and Estimate carry every field that HTTP shows, with the same values."""
    async with calling() as caller:
        await caller.made.desk("ola")
        sent = await caller.intake.Submit(message("m1"), metadata=caller.admin)
        conversation = await conversation_of(caller, sent.message_id)
        path = f"/v1/desks/rowery/conversations/{conversation}"

        async def http(tail: str = "") -> Any:
            return (await caller.made.call("GET", f"{path}{tail}")).json()

        await caller.made.until(http, lambda found: found["state"] == "offered")
        got = await caller.conversations.Get(
            GetConversation(desk="rowery", conversation_id=conversation), metadata=caller.admin
        )
        assert same(MessageToDict(got, preserving_proto_field_name=True), await http())
        listed = await caller.conversations.List(
            ListConversations(desk="rowery", state="offered"), metadata=caller.admin
        )
        assert [one.id for one in listed.items] == [conversation]
        explained = await caller.conversations.Explain(
            ExplainConversation(desk="rowery", conversation_id=conversation), metadata=caller.admin
        )
        assert same(MessageToDict(explained, preserving_proto_field_name=True), await http("/explain"))
        assert explained.chosen == "ola"
        estimate = await caller.waits.Estimate(
            EstimateWait(desk="rowery", channel="chat", skills=["dostawa:2"]), metadata=caller.admin
        )
        assert (estimate.channel, estimate.wait.HasField("p50_s")) == ("chat", False)


def same(message: Any, told: Any) -> bool:
    """Whether a message as JSON says what HTTP says; what is empty there may be absent here."""
    if isinstance(told, dict):
        assert set(message or {}) <= set(told)
        return all(same((message or {}).get(name), value) for name, value in told.items())
    if isinstance(told, list):
        return len(message or []) == len(told) and all(map(same, message or [], told))
    if not told and not message:
        return True
    if isinstance(told, str) and "T" in told and told.endswith("+00:00"):
        return time_of(message) == time_of(told)
    return str(message) == str(told)


def time_of(text: str) -> Timestamp:
    """A time of JSON."""
    at = Timestamp()
    at.FromJsonString(text)
    return at


async def test_the_board_begins_with_a_snapshot() -> None:
    """Desk.Watch tells the desk as it is, then what changes, each with an id."""
    async with calling() as caller:
        await caller.made.desk("ola")
        call = caller.desks.Watch(WatchDesk(desk="rowery"), metadata=caller.admin)
        first = await heard(call)
        assert [agent.agent for agent in first.snapshot.agents] == ["ola"]
        await caller.intake.Submit(message("m1"), metadata=caller.admin)
        seen: set[str] = set()
        async with asyncio.timeout(WAIT_S):
            while not {"queued", "offered", "target", "agent"} <= seen:
                event = await heard(call)
                assert event.id
                seen.add(event.WhichOneof("body"))
        call.cancel()


async def test_a_conversation_is_watched() -> None:
    """Conversations.Watch shows it whole, and whole again after each change."""
    async with calling() as caller:
        await caller.made.desk()
        sent = await caller.intake.Submit(message("m1"), metadata=caller.admin)
        conversation = await conversation_of(caller, sent.message_id)
        request = WatchConversation(desk="rowery", conversation_id=conversation)
        call = caller.conversations.Watch(request, metadata=caller.admin)
        first = await heard(call)
        assert (list(first.what), len(first.conversation.messages)) == (["snapshot"], 1)
        await caller.intake.Submit(message("m2", text="Halo?"), metadata=caller.admin)
        async with asyncio.timeout(WAIT_S):
            while len((changed := await heard(call)).conversation.messages) < 2:
                assert changed.what
        assert changed.conversation.messages[1].text == "Halo?"
        call.cancel()


async def test_keys_are_checked_as_by_http() -> None:
    """No key, an unknown one, one of another desk and one of the wrong scope are told apart."""
    async with calling() as caller:
        await caller.made.desk("ola")
        other = await caller.desks.Put(
            PutDesk(desk="inny", configuration=json.dumps(DESK)), metadata=caller.admin
        )
        made = await caller.made.call("POST", f"/v1/desks/{other.desk}/keys", {"scope": "integration"})
        reader = await caller.made.call("POST", "/v1/desks/rowery/keys", {"scope": "read"})
        codes = grpc.StatusCode
        cases = [
            ((), codes.UNAUTHENTICATED),
            (key("ck_unknown"), codes.UNAUTHENTICATED),
            (key(made.json()["key"]), codes.PERMISSION_DENIED),
            (key(reader.json()["key"]), codes.PERMISSION_DENIED),
        ]
        for metadata, code in cases:
            told = await failed(caller.intake.Submit(message("m1"), metadata=metadata))
            assert told.code == code, metadata
        desk = GetDesk(desk="rowery")
        shown = await caller.desks.Get(desk, metadata=key(reader.json()["key"]))
        assert (shown.version, shown.webhook_secret) == (1, "")
        assert (await failed(caller.desks.Get(desk, metadata=key(made.json()["key"])))).code == (
            codes.PERMISSION_DENIED
        )


async def test_a_wrong_field_is_named_with_its_rule() -> None:
    """A bad message is INVALID_ARGUMENT; the details name field and rule, and the message says so too."""
    async with calling() as caller:
        await caller.made.desk("ola")
        bad = message("", account="nowhere", sent_at=Timestamp(seconds=253_402_300_799))
        told = await failed(caller.intake.Submit(bad, metadata=caller.admin))
        assert told.code == grpc.StatusCode.INVALID_ARGUMENT
        assert set(told.fields) == {"external_id", "sent_at"}
        assert "must lie between the years 2000 and 2100" in told.message
        unknown = await failed(caller.intake.Submit(message(account="nowhere"), metadata=caller.admin))
        assert unknown.fields == {"account": "must be an account of this desk on this channel"}


async def test_too_large_a_message_is_refused_in_plain_words() -> None:
    """Over the bound of a body the refusal says how much may be; over the transport's, the transport does."""
    async with calling() as caller:
        await caller.made.desk("ola")
        large = File(name="a", data=bytes(BODY_BYTES_MAX))
        told = await failed(caller.intake.Submit(message(attachments=[large]), metadata=caller.admin))
        assert (told.code, str(BODY_BYTES_MAX) in told.message) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        huge = File(name="a", data=bytes(MESSAGE_BYTES_MAX))
        told = await failed(caller.intake.Submit(message(attachments=[huge]), metadata=caller.admin))
        assert told.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(MESSAGE_BYTES_MAX) in told.message


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\xff", b"\x0a\x02\xc3\x28"])
async def test_what_is_no_message_is_no_error_of_ours(raw: bytes) -> None:
    """Bytes that cannot be read are INVALID_ARGUMENT on every single call and stream."""
    async with calling() as caller:
        await caller.made.desk("ola")
        for path in caller.made.app.rpc.calls():
            call: Any = caller.channel.stream_stream(path)
            call = call(iter([raw]), metadata=caller.admin)
            assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT, path


async def test_a_flood_is_told_when_to_come_again() -> None:
    """Above a desk's rate the answer is RESOURCE_EXHAUSTED with RetryInfo."""
    async with calling() as caller:
        await caller.made.desk("ola")
        caller.made.app.settings = caller.made.app.settings.__class__(desk_messages_per_s=1)
        await caller.intake.Submit(message("m1"), metadata=caller.admin)
        told = await failed(caller.intake.Submit(message("m2"), metadata=caller.admin))
        assert told.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert told.retry_s is not None
        assert 0 < told.retry_s <= 1
