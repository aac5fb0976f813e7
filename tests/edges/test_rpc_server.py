"""The gRPC server itself: health, reflection, keepalive, slow readers, bad input, bounds in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtoMessage
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proto.v1.rpc_desks_pb2 import PutDesk, WatchDesk
from proto.v1.rpc_intake_pb2 import Accepted
from services.kernel.errors import Invalid
from services.runtime.clock import SystemClock
from services.runtime.hub import QUEUE_MAX, Told
from services.runtime.rpc_server import HEALTH_EVERY_S, OPTIONS, RpcServer
from tests.edges.calls import WAIT_S, Caller, StillLog, calling, failed, heard, message
from tests.edges.installation import DESK

CODE = grpc.StatusCode
OURS = {CODE.INTERNAL, CODE.UNKNOWN, CODE.DEADLINE_EXCEEDED}
Health = health_pb2.HealthCheckResponse


async def test_health_tells_the_truth() -> None:
    """SERVING only while the process is ready, for the whole and each service; who watches hears of it."""
    async with calling() as caller:
        stub: Any = health_pb2_grpc.HealthStub(caller.channel)
        loop = caller.made.app.loops["routing"]
        watching = stub.Watch(health_pb2.HealthCheckRequest(service="proto.v1.Intake"))
        assert (await heard(watching)).status == Health.SERVING
        loop.ready.clear()
        assert (await heard(watching)).status == Health.NOT_SERVING
        for service in ("", *caller.made.app.rpc.services()):
            asked = stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert (await asked).status == Health.NOT_SERVING, service
        told = await failed(caller.intake.Submit(message("m1"), metadata=caller.admin))
        assert (told.code, told.retry_s) == (CODE.UNAVAILABLE, 1.0)
        loop.ready.set()
        assert (await heard(watching)).status == Health.SERVING
        nothing = stub.Check(health_pb2.HealthCheckRequest(service="proto.v1.Nothing"))
        assert (await failed(nothing)).code == CODE.NOT_FOUND
        watching.cancel()


async def test_who_watches_an_unknown_service_is_told_and_kept() -> None:
    """SERVICE_UNKNOWN, and the stream stays open until the caller goes (the specification of Watch)."""
    async with calling() as caller:
        stub: Any = health_pb2_grpc.HealthStub(caller.channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest(service="proto.v1.Nothing"))
        assert (await heard(watching)).status == Health.SERVICE_UNKNOWN
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * HEALTH_EVERY_S):
                await watching.read()


async def test_health_refuses_what_it_cannot_read() -> None:
    """Bytes that are no message are the caller's mistake in the calls of health as in all others."""
    async with calling() as caller:
        for call in ("Check", "Watch"):
            assert await code_of(caller, f"/grpc.health.v1.Health/{call}", b"\xff") == CODE.INVALID_ARGUMENT


async def test_reflection_tells_all() -> None:
    """Every service is listed, and every message of its calls can be found by a tool that knows nothing."""
    async with calling() as caller:
        channel: Any = caller.channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        ask: Any = reflection_pb2.ServerReflectionRequest
        names = caller.made.app.rpc.services()
        asked = [ask(list_services=""), *(ask(file_containing_symbol=name) for name in names)]
        call = stub.ServerReflectionInfo(iter(asked))
        listed, *files = [answer async for answer in call]
        found = {service.name for service in listed.list_services_response.service}
        assert found >= {*names, "grpc.health.v1.Health"}
        assert len(names) == 5
        assert all(file.file_descriptor_response.file_descriptor_proto for file in files)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """An HTTP/2 frame of the connection (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, 0]) + bytes(4) + payload


async def pinged(target: str, times: int, every_s: float) -> bytes:
    """What a GOAWAY says to a client that pings so often without a call; b"" if none comes."""
    host, _, port = target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4))
    acknowledged = 0
    try:
        writer.write(frame(6, bytes(8)))
        while acknowledged < times:
            head = await asyncio.wait_for(reader.readexactly(9), WAIT_S)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == 7:
                return payload[8:]
            if head[3] == 6 and head[4] & 1:
                acknowledged += 1
                await asyncio.sleep(every_s)
                writer.write(frame(6, bytes(8)))
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(("every_s", "told"), [(0.15, b""), (0.0, b"too_many_pings")])
async def test_pings_without_a_call_are_allowed_at_their_interval(every_s: float, told: bytes) -> None:
    """A client that keeps an idle connection alive is not sent away, one that floods it with pings is."""
    interval = "grpc.http2.min_ping_interval_without_data_ms"
    assert dict(OPTIONS)[interval] == 10_000
    shorter = tuple({**dict(OPTIONS), interval: 100}.items())
    async with calling(rpc_options=shorter) as caller:
        assert await pinged(caller.target, 6, every_s) == told


async def test_a_slow_reader_is_bounded_and_gets_a_fresh_snapshot() -> None:
    """Who does not read is behind in a bounded queue and the transport's window; then comes a snapshot."""
    row = {"conversation_id": "c1", "queue": "q" * 4_000}
    async with calling() as caller:
        await caller.made.desk("ola")
        hub = caller.made.app.hub
        call: Any = caller.desks.Watch(WatchDesk(desk="rowery"), metadata=caller.admin)
        assert (await heard(call)).HasField("snapshot")
        published = 30_000
        for number in range(published):
            hub.publish("board/rowery", Told("queued", f"e/{number}", row))
            if number % 100 == 0:
                await asyncio.sleep(0)
                [subscription] = hub.listeners["board/rowery"]
                assert subscription.behind() <= QUEUE_MAX
        received, event = 0, await heard(call)
        while event.id != "last":
            received += 1
            if event.HasField("snapshot"):  # and if the reader was behind again by then, another follows
                hub.publish("board/rowery", Told("queued", "last", {}))
            event = await heard(call)
        assert received < published / 2
        call.cancel()


async def test_a_second_server_is_refused_the_port() -> None:
    """A port that is taken is named in plain words, with the setting that changes it."""
    async with calling() as caller:
        port = int(caller.target.rpartition(":")[2])
        second = RpcServer(caller.made.app)
        with pytest.raises(Invalid, match=f"port {port}.*CENTRALA_GRPC_PORT"):
            second.listen("127.0.0.1", port)
        await second.close()


async def test_a_call_that_is_given_up_leaves_nothing() -> None:
    """A deadline that passes and a caller that goes away end the work: nobody waits for an outcome."""
    log = StillLog(SystemClock())
    async with calling(log=log) as caller:
        await caller.made.desk("ola")
        hub, edge = caller.made.app.hub, caller.made.app.fastapi.state.edge
        gone: Any = caller.desks.Watch(WatchDesk(desk="rowery"), metadata=caller.admin)
        await heard(gone)
        gone.cancel()
        log.still = frozenset(["conversations"])
        again = PutDesk(desk="rowery", configuration=json.dumps({**DESK, "name": "Inna"}))
        told = await failed(caller.desks.Put(again, metadata=caller.admin, timeout=0.2))
        assert told.code == CODE.DEADLINE_EXCEEDED

        async def left() -> Any:
            return hub.listeners, hub.waiting, edge.in_flight

        await caller.made.until(left, lambda found: not any(found))


def values(field: Any) -> st.SearchStrategy[Any]:
    """Any value of a field: what a hostile or careless caller could send."""
    kinds = {
        field.TYPE_STRING: st.one_of(st.text(max_size=20), st.sampled_from(["rowery", "ola", "chat", "www"])),
        field.TYPE_BYTES: st.binary(max_size=20),
        field.TYPE_BOOL: st.booleans(),
        field.TYPE_DOUBLE: st.floats(),
        field.TYPE_UINT32: st.integers(0, 2**32 - 1),
        field.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
        field.TYPE_UINT64: st.integers(0, 2**64 - 1),
        field.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
        field.TYPE_ENUM: st.just(0),
    }
    if field.type in kinds:
        return kinds[field.type]
    return st.deferred(lambda: messages(field.message_type))


def messages(descriptor: Any) -> st.SearchStrategy[ProtoMessage]:
    """Any message of a type."""
    if descriptor.full_name.startswith("google.protobuf."):
        return st.binary(max_size=30).map(lambda raw: read(descriptor, raw))
    fields: Mapping[str, st.SearchStrategy[Any]] = {
        field.name: st.lists(values(field), max_size=3) if field.is_repeated else values(field)
        for field in descriptor.fields
        if not (field.message_type and field.message_type.GetOptions().map_entry)
        and (field.containing_oneof is None or field.containing_oneof.fields[0] is field)
    }
    return st.fixed_dictionaries({}, optional=dict(fields)).map(lambda f: GetMessageClass(descriptor)(**f))


def read(descriptor: Any, raw: bytes) -> ProtoMessage:
    """A message of arbitrary bytes, empty where they are none."""
    made = GetMessageClass(descriptor)()
    try:
        made.ParseFromString(raw)
    except DecodeError:
        made.Clear()
    return made


async def test_no_message_is_an_error_of_ours() -> None:
    """Whatever any call is sent, with or without sense, it is answered or refused: never INTERNAL, UNKNOWN,
    a hang or a stopped process."""
    loop = asyncio.get_running_loop()
    async with calling() as caller:
        await caller.made.desk("ola")
        rpc = caller.made.app.rpc
        sendings = st.sampled_from(sorted(rpc.calls().items())).flatmap(
            lambda call: st.tuples(st.just(call[0]), messages(call[1].input_type))
        )

        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
        @given(sendings, st.binary(max_size=8))
        def any_message(sending: tuple[str, ProtoMessage], tail: bytes) -> None:
            path, sent = sending
            raw = sent.SerializeToString() + tail
            asking = asyncio.run_coroutine_threadsafe(code_of(caller, path, raw), loop)
            assert asking.result(2 * WAIT_S) not in OURS, (path, sent)

        await asyncio.to_thread(any_message)
        assert caller.made.app.ready()
        taken = await caller.intake.Submit(message("alive"), metadata=caller.admin)
        assert (await caller.made.only_conversation(taken.record_id))["id"]


async def code_of(caller: Caller, path: str, raw: bytes) -> grpc.StatusCode:
    """How a call with this message ends; one that goes on telling is fine and is cut."""
    call: Any = caller.channel.stream_stream(path)
    call = call(iter([raw]), metadata=caller.admin, timeout=WAIT_S)
    try:
        answer = await call.read()
        if path.endswith("/SubmitStream") and answer is not grpc.aio.EOF:
            assert Accepted.FromString(answer).refused.code not in [code.value[0] for code in OURS]
    except grpc.aio.AioRpcError as error:
        return error.code()
    finally:
        call.cancel()
    return CODE.OK
