"""Hand-made nasties for every way in: HTTP on the wire, SMTP, webhooks with a valid signature."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from services.kernel.limits import BODY_BYTES_MAX
from tests.system import shapes
from tests.system.outside import ADMIN, DESK, HOME, MAILBOX, NEWEST, chat_message, desk_config
from tests.system.providers import HOOK_TOKEN, WA_NUMBER, providers, signature
from tests.system.test_channels import mail, post_mail
from tests.system.world import World, checked, start_embedded

pytestmark = pytest.mark.servers

BODIES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("not JSON", b"{"),
    ("NUL", json.dumps(chat_message("n", "a\0b")).encode()),
    ("raw NUL", b'{"channel": "chat\0"}'),
    ("lone surrogate", b'{"channel": "chat", "account": "www", "external_id": "\\ud800", "text": "x"}'),
    ("surrogate text", json.dumps(chat_message("n", "x\ud800y")).encode()),
    ("not UTF-8", b'{"channel": "\xff\xfe"}'),
    ("UTF-16", json.dumps(chat_message("n")).encode("utf-16")),
    ("BOM", b"\xef\xbb\xbf{}"),
    ("1e400", b'{"value": 1e400, "ttl_s": 1e400, "priority": 1e400, "capacity": 1e400}'),
    ("NaN", b'{"value": NaN, "priority": NaN}'),
    ("huge integer", b'{"priority": ' + b"9" * 5_000 + b', "value": ' + b"9" * 5_000 + b"}"),
    ("deep nesting", b"[" * 100_000),
    ("deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    ("deep items", b'{"order_id": "o", "items": ' + b"[" * 400 + b"]" * 400 + b"}"),
    ("a list", b"[]"),
    ("a word", b'"x"'),
    ("null", b"null"),
    ("wrong types", b'{"channel": [], "account": {}, "external_id": 5, "from": "x", "agent": 7}'),
    ("huge id", json.dumps(chat_message("x" * 100_000)).encode()),
    ("twice the same key", b'{"text": "a", "text": "b", "channel": "chat", "channel": "x"}'),
    ("year 0001", json.dumps({**chat_message("n"), "sent_at": "0001-01-01T00:00:00Z"}).encode()),
    ("year 9999", json.dumps({**chat_message("n"), "sent_at": "9999-12-31T23:59:59+14:00"}).encode()),
    ("naive time", json.dumps({**chat_message("n"), "sent_at": "2026-01-01T00:00:00"}).encode()),
    ("YAML bomb", b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n"),
    ("YAML object", b"!!python/object/apply:os.system ['true']"),
    ("control characters", json.dumps(chat_message("n\r\nX-Evil: 1")).encode()),
    ("no base64", json.dumps(chat_message("n", attachments=[{"name": "a", "data": "%"}])).encode()),
    ("too large", b'{"text": "' + b"x" * BODY_BYTES_MAX + b'"}'),
]  # fmt: skip


async def written_paths(world: World) -> list[tuple[str, str]]:
    """Method and path of everything that takes a body, with ids that are there."""
    await world.desk()
    ola = await world.agent("ola")
    await world.message("first")
    offer = await ola.offer()
    doc = await world.conversation(offer["conversation_id"])
    ids = {
        "desk": DESK, "agent": "ola", "offer": offer["offer_id"], "conversation": doc["id"],
        "customer": doc["customer"]["id"], "key": "k", "channel": "chat", "account": "www",
    }  # fmt: skip
    described = (await world.must("GET", "/openapi.json"))["paths"]
    return [
        (method.upper(), path.format(**ids))
        for path, operations in described.items()
        for method in operations
        if method in ("post", "put", "patch")
    ]


async def test_no_body_breaks_any_path(tmp_path: Path) -> None:
    """Each nasty body at each path that takes one gets a 4xx with problem details (or is taken where it is
    harmless), never a 5xx; the next good message goes through."""
    async with start_embedded(tmp_path) as world:
        paths = await written_paths(world)
        assert len(paths) >= 14
        for method, path in paths:
            for name, body in BODIES:
                for content_type in ("application/json", "application/yaml"):
                    headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": content_type}
                    answer = await world.client.request(method, path, content=body, headers=headers)
                    assert answer.status_code < 500, f"{name} at {method} {path}: {answer.text}"
                    if answer.status_code >= 400:
                        shapes.fits(shapes.Problem, answer.json())
                        assert answer.headers["content-type"] == "application/problem+json"
        await world.desk()
        ids = await world.message("after")
        found = await world.conversations(ids["record_id"])
        assert ids["message_id"] in {one["last_message_id"] for one in found}
    checked(tmp_path)


WRONG: list[tuple[str, dict[str, Any], set[str]]] = [
    ("messages", {"channel": 5}, {"/channel", "/account", "/external_id", "/from"}),
    ("messages", chat_message("n", "x\0"), {"/text"}),
    ("messages", chat_message("n", account="other"), {"/account"}),
    ("messages", chat_message("n", attributes={"a": [1]}), {"/attributes/a"}),
    ("orders", {"order_id": "", "customer": {"addresses": []}}, {"/order_id", "/customer/addresses"}),
    ("orders", {"order_id": "o", "customer": {"addresses": [{"channel": "chat"}]}, "value": -1},
     {"/customer/addresses/0/address", "/value"}),
    ("shipments", {"shipment_id": "s", "order_ids": [], "status": "lost"}, {"/order_ids", "/status"}),
    ("keys", {"scope": "all"}, {"/scope"}),
]  # fmt: skip


async def test_a_refusal_names_the_field_and_the_rule(tmp_path: Path) -> None:
    """422 with a pointer to every wrong field, and a rule in words for each."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        for path, body, pointers in WRONG:
            answer = await world.call("POST", path, body)
            assert answer.status_code == 422, answer.text
            told = answer.json()["errors"]
            assert all(any(one["pointer"].startswith(pointer) for one in told) for pointer in pointers), told
            assert all(one["rule"] for one in told)


async def test_a_desk_s_problems_are_told_all_at_once(tmp_path: Path) -> None:
    """A wrong configuration gets 422 that names every problem at once; the stored one stays."""
    async with start_embedded(tmp_path) as world:
        good = await world.desk()
        bad = desk_config(
            time_zone="Mars/Olympus",
            skills=["a", "a"],
            queues=[{"name": "q", "requires": {"nothing": 9}}],
            sla=[{"name": "s", "first_response": "soon"}],
            nonsense=1,
        )
        answer = await world.call("PUT", "/v1/desks/rowery", bad)
        assert answer.status_code == 422
        found = " ".join(one["pointer"] for one in answer.json()["errors"])
        wanted = ("/time_zone", "/skills", "/queues/0/requires", "/sla/0/first_response", "/nonsense")
        assert [pointer for pointer in wanted if pointer not in found] == []
        assert await world.must("GET", "/v1/desks/rowery") == good


async def raw(world: World, request: bytes, more: bytes = b"") -> bytes:
    """What the server answers to bytes on the wire, until it closes or says all."""
    host, port = world.embedded.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        for _ in range(40 if more else 0):
            writer.write(more)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 15)
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


async def test_bytes_that_are_no_http_are_survived(tmp_path: Path) -> None:
    """Broken requests, wrong methods, bad paths, endless and too large chunked bodies: an answer below 500
    or a closed connection, and the server goes on."""
    async with start_embedded(tmp_path) as world:
        await world.desk()
        auth = f"Host: x\r\nAuthorization: Bearer {ADMIN}\r\n".encode()
        home = HOME.encode()
        post = b"POST " + home + b"/messages HTTP/1.1\r\n" + auth
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        requests = [
            (b"\x16\x03\x01\x02\x00\x01\x00", b""),
            (b"GET / HTTP/9.9\r\n\r\n", b""),
            (b"BREW " + home + b" HTTP/1.1\r\n" + auth + b"\r\n", b""),
            (b"GET /%ff%00%2e%2e/ HTTP/1.1\r\n" + auth + b"\r\n", b""),
            (b"GET " + home + b"/conversations/" + b"x" * 60_000 + b" HTTP/1.1\r\n" + auth + b"\r\n", b""),
            (post + b"Content-Length: -5\r\n\r\n{}", b""),
            (post + b"Content-Length: 99999999999999999999\r\n\r\n{}", b""),
            (post + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", b""),
            (post + b"Transfer-Encoding: chunked\r\n\r\n", chunk),
            (post + b"Content-Length: 10\r\n\r\n{}", b""),
            (post + b"X-Large: " + b"x" * 200_000 + b"\r\n\r\n", b""),
            (b"GET " + home + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n", b""),
        ]  # fmt: skip
        for request, more in requests:
            answer = await raw(world, request, more)
            status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 400
            assert status < 500, (request[:80], answer[:200])
        assert (await raw(world, post + b"Transfer-Encoding: chunked\r\n\r\n", chunk))[9:12] in (b"413", b"")
        for method in ("DELETE", "PATCH", "PUT", "GET"):
            refused = await world.call(method, "messages")
            assert refused.status_code == 405
            shapes.fits(shapes.Problem, refused.json())
        await world.message("after")


async def test_smtp_garbage_is_survived(tmp_path: Path) -> None:
    """Garbage as commands and as mails: refused or kept for quarantine, the door stays open, a good mail
    comes through."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        await world.desk(channels=made.channels(tmp_path / "secrets"))
        ola = await world.agent("ola")
        sessions = [
            b"\x00\xff\xfe garbage\r\nQUIT\r\n",
            b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody@else.example>\r\nDATA\r\nQUIT\r\n",
            b"HELO x\r\nRCPT TO:<x>\r\nDATA\r\n.\r\nQUIT\r\n",
            b"EHLO x\r\nMAIL FROM:<" + b"a" * 5_000 + b"@b>\r\nQUIT\r\n",
            b"EHLO x\r\nMAIL FROM:<a@b> SIZE=99999999999\r\nQUIT\r\n",
        ]
        envelope = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<" + MAILBOX.encode() + b">\r\nDATA\r\n"
        mails = [
            b"",
            b"\x00\x01\x02\xff\xfe" * 50,
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 20,
            b"From: =?utf-8?q?=ff=fe?= <\xff@\xfe>\r\nSubject: =?x-unknown?b?!!!?=\r\n\r\n\xff\xfe",
            b"Content-Type: text/plain; charset=nonsense\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%",
            b"Message-ID: " + b"<x" * 10_000 + b"\r\nReferences: " + b"<y@z> " * 10_000 + b"\r\n\r\nx",
            b"Date: Thu, 99 Foo 99999 99:99:99 +9999\r\nFrom: a@b.example\r\n\r\nx",
            b"Content-Type: message/rfc822\r\n\r\n" * 60 + b"x",
        ]
        sessions += [envelope + content + b"\r\n.\r\nQUIT\r\n" for content in mails]
        for session in sessions:
            answer = await smtp(world, session)
            assert answer.startswith(b"220 "), answer
            assert b"\r\n5" in answer or b"\r\n250" in answer
        await post_mail(world, mail("Dobry mail.", "<good@poczta.example>"))
        good = await ola.expect("offer", lambda told: told["conversation"]["channel"] == "email")
        assert good["agent"] == "ola"
        await world.conversations(NEWEST)
    checked(tmp_path / "data")


async def smtp(world: World, session: bytes) -> bytes:
    """A whole session at once; what the server said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.smtp_port)
    try:
        writer.write(session)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 15)
    finally:
        writer.close()


async def test_signed_garbage_is_kept_and_acknowledged(tmp_path: Path) -> None:
    """What a provider signs and nobody understands is stored for quarantine and answered 200, so that the
    provider goes on; the next good update comes through."""
    async with start_embedded(tmp_path / "data") as world, providers() as made:
        await world.desk(channels=made.channels(tmp_path / "secrets"))
        token = {"X-Telegram-Bot-Api-Secret-Token": HOOK_TOKEN}
        bodies = [body for _, body in BODIES] + [
            b'{"update_id": 1, "message": {"message_id": 1e400}}',
            b'{"update_id": 1, "message": {"message_id": 5, "chat": {"id": 99999999999999999999}}}',
            b'{"update_id": 1, "message": 5}',
            b'{"entry": [{"changes": [{"field": "messages", "value": {"messages": [{"id": "\\ud800"}]}}]}]}',
            b'{"entry": [{"changes": [{"field": "messages", "value": {"messages": [1, null, {}]}}]}]}',
        ]  # fmt: skip
        for body in bodies:
            for hook, headers in (
                (f"/v1/webhooks/{DESK}/telegram/bot", token),
                (f"/v1/webhooks/{DESK}/whatsapp/{WA_NUMBER}", signature(body)),
            ):
                answer = await world.client.post(hook, content=body, headers=headers)
                assert answer.status_code == 200, (body[:60], answer.status_code, answer.text)
        ids = await world.message("after")
        assert await world.conversations(ids["record_id"])
    checked(tmp_path / "data")
