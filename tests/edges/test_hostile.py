"""What a hostile user of the HTTP edge tries: others' mailboxes, files and words where none belong, requests
that never end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from services.runtime.asgi import trace_of
from services.runtime.bodies import BODY_WITHIN_S, Bodies, Gone, Receive
from services.runtime.one_write import HEAD_WITHIN_S, OneWriteProtocol
from services.runtime.problems import Refusal
from tests.edges.installation import DESK, HEADERS, installation
from tests.edges.test_server import served

WAIT_S = 5.0
MESSAGES = "/v1/desks/rowery/messages"
MESSAGE: dict[str, Any] = {
    "channel": "chat",
    "account": "www",
    "external_id": "m1",
    "from": {"address": "jan@example.pl"},
    "text": "Gdzie jest?",
}
ORDER: dict[str, Any] = {"order_id": "7", "customer": {"addresses": [{"channel": "chat", "address": "jan"}]}}
ORDERS = "/v1/desks/rowery/orders"


def order_of(*addresses: tuple[str, str]) -> dict[str, Any]:
    """An order whose customer has these addresses."""
    given = [{"channel": channel, "address": address} for channel, address in addresses]
    return {"order_id": "7", "customer": {"addresses": given}}


def with_mail(*accounts: str) -> dict[str, Any]:
    """The desk's configuration with mailboxes beside its channels."""
    mail = [{"channel": "email", "account": account} for account in accounts]
    return {**DESK, "channels": [*DESK["channels"], *mail]}


async def test_a_mailbox_belongs_to_the_desk_that_named_it_first() -> None:
    """Another desk is refused it in any letters and with any plus sign, wherever its name stands in the
    alphabet; once it is let go another may have it."""
    async with installation() as made:
        assert (await made.call("PUT", "/v1/desks/sklep", with_mail("help@shop.pl"))).status_code == 200
        for account in ("help@shop.pl", "HELP@Shop.pl", "help+c1@shop.pl"):
            done = await made.call("PUT", "/v1/desks/aaa", with_mail("own@shop.pl", account))
            assert done.status_code == 422, account
            [problem] = done.json()["errors"]
            assert problem["pointer"] == f"/channels/{len(DESK['channels']) + 1}/account"
        assert (await made.call("PUT", "/v1/desks/sklep", with_mail("other@shop.pl"))).status_code == 200
        assert (await made.call("PUT", "/v1/desks/aaa", with_mail("help@shop.pl"))).status_code == 200
        directory = made.app.fastapi.state.edge.directory
        assert await directory.email_accounts() == {"other@shop.pl": "sklep", "help@shop.pl": "aaa"}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        (MESSAGES, {**MESSAGE, "attachments": [{"name": "a", "data": "aGVs bG8="}]}, "/attachments/0/data"),
        (MESSAGES, {**MESSAGE, "attachments": [{"name": "a", "data": "aGVsbG8"}]}, "/attachments/0/data"),
        (MESSAGES, {**MESSAGE, "attributes": {"n": float("nan")}}, "/attributes/n"),
        (MESSAGES, {**MESSAGE, "attributes": {"n": float("inf")}}, "/attributes/n"),
        (MESSAGES, {**MESSAGE, "attributes": {"n": 10**30}}, "/attributes/n"),
        (MESSAGES, {**MESSAGE, "attributes": {"n": [1]}}, "/attributes/n"),
        (MESSAGES, {**MESSAGE, "attributes": {"": 1}}, "/attributes/"),
        (MESSAGES, {**MESSAGE, "text": "\u200b \u2800\ufeff\u3164"}, ""),
        (MESSAGES, {**MESSAGE, "channel": "fax"}, "/channel"),
        (MESSAGES, {**MESSAGE, "sent_at": "1700000000"}, "/sent_at"),
        (MESSAGES, {**MESSAGE, "sent_at": 1700000000}, "/sent_at"),
        (MESSAGES, {**MESSAGE, "account": "nowhere"}, "/account"),
        ("/v1/desks/rowery/conversations/c0/notes", {"agent": "ola", "text": " \u200b\n"}, "/text"),
        (ORDERS, {**ORDER, "value": "\u0661\u0662"}, "/value"),
        (ORDERS, {**ORDER, "value": " 12"}, "/value"),
        (ORDERS, {**ORDER, "value": True}, "/value"),
        (ORDERS, order_of(("email", "jan@example.pl"), ("sms", "000000000")), "/customer/addresses/1"),
        (ORDERS, order_of(("email", "brak")), "/customer/addresses/0"),
        (ORDERS, order_of(("chat", "jan"), ("chat", "www")), "/customer/addresses/1/address"),
    ],
)
async def test_lax_values_are_refused_where_they_stand(path: str, body: Any, pointer: str) -> None:
    """422 with the JSON pointer of the value itself, for what a lenient reader would have taken."""
    async with installation() as made:
        await made.desk()
        done = await made.client.post(path, content=json.dumps(body).encode(), headers=HEADERS)
        assert done.status_code == 422, done.text
        assert [problem["pointer"] for problem in done.json()["errors"]] == [pointer]


async def test_what_is_seen_is_taken() -> None:
    """A single emoji, numbers, and amounts as numbers or digits are fine."""
    async with installation() as made:
        await made.desk()
        fine = {**MESSAGE, "text": "\U0001f44d\ufe0f", "attributes": {"vip": True, "n": 1.5, "who": "x"}}
        assert (await made.call("POST", MESSAGES, fine)).status_code == 202
        for value in (12.5, 12, "12.50"):
            done = await made.call("POST", ORDERS, {**ORDER, "value": value})
            assert done.status_code == 202, done.text


async def test_after_is_a_record() -> None:
    """What is no record's id is a 422 that says so."""
    async with installation() as made:
        await made.desk()
        done = await made.call("GET", "/v1/desks/rowery/conversations?after=x%20y")
        assert (done.status_code, done.json()["errors"][0]["pointer"]) == (422, "/after")
        agent = await made.call("PUT", "/v1/desks/rowery/agents/ola", None)
        assert "the agent" in agent.json()["detail"]


async def test_an_erasure_asked_again_gets_the_same_answer() -> None:
    """While it waits, each DELETE names the same record."""
    async with installation() as made:
        await made.desk()
        doc = await made.only_conversation((await made.message())["record_id"])
        path = f"/v1/desks/rowery/customers/{doc['customer']['id']}"
        answers = [(await made.call("DELETE", path)).json() for _ in range(3)]
        assert answers[0]["record_id"]
        assert answers == [answers[0]] * 3


async def test_a_transfer_of_what_is_for_humans_to_a_bot_says_why() -> None:
    """The answer does not say that the bot is no agent of the desk: it says that no bot gets this."""
    async with installation() as made:
        await made.desk("ola")
        bot = {"kind": "bot", "skills": {}, "languages": {"pl": 5}}
        assert (await made.call("PUT", "/v1/desks/rowery/agents/bot", bot)).status_code == 200
        record = (await made.message(text="Chcę rozmawiać z człowiekiem"))["record_id"]
        doc = await made.until(lambda: made.only_conversation(record), lambda doc: bool(doc["offer"]))
        path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
        assert (await made.call("POST", path, {"agent": "ola"})).status_code == 200
        body = {"agent": "ola", "to": {"agent": "bot"}}
        done = await made.call("POST", f"/v1/desks/rowery/conversations/{doc['id']}/transfer", body)
        assert done.status_code == 422
        assert "humans only" in done.json()["errors"][0]["rule"]


async def test_a_transfer_to_who_has_it_says_so() -> None:
    """422 that names the agent, not the target's absence."""
    async with installation() as made:
        await made.desk("ola")
        record = (await made.message())["record_id"]
        doc = await made.until(lambda: made.only_conversation(record), lambda doc: bool(doc["offer"]))
        path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
        assert (await made.call("POST", path, {"agent": "ola"})).status_code == 200
        body = {"agent": "ola", "to": {"agent": "ola"}}
        done = await made.call("POST", f"/v1/desks/rowery/conversations/{doc['id']}/transfer", body)
        assert (done.status_code, done.json()["errors"][0]["pointer"]) == (422, "/to/agent")
        long = {"agent": "ola", "reason": "x" * 101}
        done = await made.call("POST", f"/v1/desks/rowery/conversations/{doc['id']}/resolve", long)
        assert (done.status_code, done.json()["errors"][0]["pointer"]) == (422, "/reason")


def test_only_a_trace_is_kept_of_a_traceparent() -> None:
    """It lies in the plain: words in its place are dropped."""
    good = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    assert trace_of({b"traceparent": good}) == good.decode()
    assert [trace_of({b"traceparent": bad}) for bad in (b"Jan Kowalski", good + b"x", good.upper(), b"")] == [
        ""
    ] * 4


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    """408 once the time is over, and the connection is not used again."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    assert BODY_WITHIN_S <= 60
    with pytest.raises(Refusal) as caught:
        await Bodies().read({}, receive, 10, within_s=0.01)
    assert (caught.value.status, caught.value.headers) == (408, {"Connection": "close"})


async def test_a_body_without_a_known_key_is_not_waited_for() -> None:
    """Who shows no key, or one that nobody knows, is refused before the body is there, so they hold no
    memory."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with installation() as made:
        await made.desk("ola")
        for path in ("messages", "agents/ola/presence", "offers/o1/accept", "keys"):
            method = "PUT" if path.endswith("presence") else "POST"
            for headers in ({}, {"Authorization": "Bearer nobody"}):
                asked = made.client.request(
                    method, f"/v1/desks/rowery/{path}", headers=headers, content=endless()
                )
                assert (await asyncio.wait_for(asked, WAIT_S)).status_code == 401, path


async def test_bodies_that_are_not_whole_are_bounded_together() -> None:
    """Beyond the bound what comes in pieces is 503, and what comes whole is taken; who ends makes room."""
    bodies, more = Bodies(most=10), asyncio.Event()

    def coming(first: bytes) -> Receive:
        async def receive() -> dict[str, Any]:
            nonlocal first
            if first:
                part, first = first, b""
                return {"type": "http.request", "body": part, "more_body": True}
            await more.wait()
            return {"type": "http.disconnect"}

        return receive

    async def whole() -> dict[str, Any]:
        return {"type": "http.request", "body": b"123456"}

    slow = asyncio.create_task(bodies.read({}, coming(b"12345678"), 100))
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as caught:
        await bodies.read({}, coming(b"123"), 100)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 1)
    assert await bodies.read({}, whole, 100) == b"123456"
    more.set()
    for reading in (slow, bodies.read({}, coming(b"123"), 100)):
        with pytest.raises(Gone):
            await reading


class Hasty(OneWriteProtocol):
    """As served, but it waits no time."""

    head_within_s = 0.5  # on a busy machine the request that is whole must have come by then


async def test_a_head_that_never_ends_is_not_waited_for() -> None:
    """The connection is closed by us, also on a connection that was used before."""
    assert HEAD_WITHIN_S <= 60
    async with installation() as made:
        config = uvicorn.Config(made.app.asgi, log_config=None, ws="none", lifespan="off")
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Hasty(config, ServerState(), {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for before in (b"", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(before + b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            async with asyncio.timeout(5):
                answered = await reader.read()
            assert answered.startswith(b"HTTP/1.1 200") == bool(before)
            writer.close()
        server.close()


HEAD = b"GET /livez HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"


@pytest.mark.parametrize(
    ("begun", "endless"),
    [
        (HEAD + b"X-First: ", b"x" * 4_096),
        (HEAD + b"X-First: ", b"X-One: more\r\n" * 300),
        (CHUNKED, b"X-Trailer: more\r\n" * 300),
        (CHUNKED.replace(b"0\r\n", b"5;"), b"x" * 4_096),
    ],
)
async def test_a_head_without_end_is_refused_early(begun: bytes, endless: bytes) -> None:
    """However a head grows, in one header or in many, in trailers or in what describes a chunk, the
    connection is closed with the reason long before a megabyte; one on another connection is answered."""
    async with installation() as made, served(made) as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(begun)
        sent = 0
        while sent < 1 << 20 and not reader.at_eof():
            writer.write(endless)
            sent += len(endless)
            try:
                await writer.drain()
            except ConnectionError:
                break
            await asyncio.sleep(0)
        assert sent < 1 << 20
        writer.close()
        assert (await client.get("/livez")).status_code == 200
        long_but_whole = await client.get("/livez", headers={"X-Long": "x" * 30_000})
        assert long_but_whole.status_code == 200


@pytest.mark.parametrize(
    "before",
    [HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000, (HEAD + b"\r\n") * 2_500],
    ids=["a large body", "many requests"],
)
async def test_what_came_whole_does_not_count_for_the_head_behind_it(before: bytes) -> None:
    """A head that is only begun when much has come before it is waited for, and answered."""
    async with installation() as made, served(made) as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(before + HEAD)
        answers = before.count(b"GET")
        for _ in range(answers):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(b"ok\n"))
        writer.write(b"Connection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_trailers_are_no_headers() -> None:
    """A line behind a chunked body is not taken for one of the request's headers."""
    async with installation() as made, served(made) as (client, _):
        await made.desk("ola")
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        trailers = f"Authorization: {HEADERS['Authorization']}\r\nConnection: close\r\n\r\n".encode()
        writer.write(CHUNKED.replace(b"/livez", b"/v1/desks/rowery") + trailers)
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        writer.close()


async def test_who_asks_for_a_websocket_gets_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """It is answered like any request, and nothing is logged."""
    caplog.set_level(logging.INFO)
    async with installation() as made, served(made) as (client, _):
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x"}
        assert (await client.get("/livez", headers=upgrade)).status_code == 200
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_a_reply_that_failed_says_why() -> None:
    """A channel that the desk no longer has: the message is shown as failed, with the error."""
    async with installation() as made:
        await made.desk("ola")
        both = {**DESK, "channels": [*DESK["channels"], {"channel": "sms", "account": "1"}]}
        assert (await made.call("PUT", "/v1/desks/rowery", both)).status_code == 200
        record = (await made.message(channel="sms", account="1"))["record_id"]
        doc = await made.until(lambda: made.only_conversation(record), lambda doc: bool(doc["offer"]))
        path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
        assert (await made.call("POST", path, {"agent": "ola"})).status_code == 200
        assert (await made.call("PUT", "/v1/desks/rowery", DESK)).status_code == 200
        replies = f"/v1/desks/rowery/conversations/{doc['id']}/replies"
        done = await made.call("POST", replies, {"agent": "ola", "text": "Już jedzie."})
        assert done.status_code == 202, done.text
        shown = await made.until(
            lambda: made.only_conversation(done.json()["record_id"]),
            lambda doc: doc["messages"][-1]["state"] == "failed",
        )
        assert shown["messages"][-1]["why"]
        assert shown["messages"][0]["why"] is None
