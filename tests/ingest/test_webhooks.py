"""Providers' webhooks, as the dispatcher hands them over."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.webhooks import Webhooks
from services.kernel.errors import Busy
from services.kernel.limits import WEBHOOK_BYTES_MAX
from services.runtime.asgi import HotRequest, HotResponse
from services.runtime.problems import Refusal
from tests.ingest.edge import DESK, SECRETS, Edge

UPDATE = json.dumps(
    {
        "update_id": 1,
        "message": {
            "message_id": 2,
            "date": 1_793_711_100,
            "text": "Cześć",
            "chat": {"id": 3, "type": "private"},
            "from": {"id": 3, "is_bot": False, "first_name": "Jan"},
        },
    }
).encode()
TOKEN = {b"x-telegram-bot-api-secret-token": b"telegram-secret-2"}


def request(
    channel: str = "telegram",
    account: str = "bot",
    body: bytes = UPDATE,
    headers: dict[bytes, bytes] = TOKEN,
    desk: str = DESK,
    query: bytes = b"",
) -> HotRequest:
    """A request to the path."""
    return HotRequest("POST", {"desk": desk, "channel": channel, "account": account}, query, headers, body)


def signed(body: bytes, account: str = "48221") -> HotRequest:
    """A POST that WhatsApp signed."""
    digest = hmac.new(b"whatsapp-app-secret", body, hashlib.sha256).hexdigest().encode()
    return request("whatsapp", account, body, {b"x-hub-signature-256": b"sha256=" + digest})


def hooks(edge: Edge) -> Webhooks:
    """The handlers over an edge."""
    return Webhooks(edge.intake, SECRETS.get)


async def status_of(edge: Edge, asked: HotRequest) -> int:
    """The status of the answer, refusals too."""
    try:
        answer: HotResponse = await hooks(edge).post(asked)
    except Refusal as refusal:
        return refusal.status
    return answer.status


async def test_a_signed_update_is_stored_and_acknowledged() -> None:
    """200 after the record is in the mailbox; either of two active secrets opens."""
    edge = Edge()
    assert await status_of(edge, request()) == 200
    [record] = await edge.records()
    assert (record.message.channel, record.message.account) == ("telegram", "bot")
    old = {b"x-telegram-bot-api-secret-token": b"telegram-secret-1"}
    assert await status_of(edge, request(headers=old)) == 200


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(headers={}), 401),
        (request(headers={b"x-telegram-bot-api-secret-token": b"wrong"}), 401),
        (request(account="open"), 401),
        (request(desk="nobody"), 404),
        (request(channel="fax"), 404),
        (request(channel="email", account="pomoc@rowery.example"), 404),
        (request(account="nobody"), 404),
        (request(body=b"x" * (WEBHOOK_BYTES_MAX + 1)), 413),
        (signed(b"{}", "48222")._replace(headers={b"x-hub-signature-256": b"sha256=00"}), 401),
    ],
)
async def test_what_is_not_the_providers_is_refused(asked: HotRequest, status: int) -> None:
    """No or a wrong signature, no secret, an unknown place, too large a body: nothing is stored."""
    edge = Edge()
    assert await status_of(edge, asked) == status
    assert await edge.records() == []


async def test_what_cannot_be_understood_is_kept_and_acknowledged() -> None:
    """A signed body that is no update goes to quarantine and gets its 200: the provider goes on."""
    edge = Edge()
    assert await status_of(edge, request(body=b"<xml/>")) == 200
    [record] = await edge.records()
    assert (record.unparsed.channel, record.unparsed.account) == ("telegram", "bot")


async def test_what_is_not_stored_is_not_acknowledged() -> None:
    """While the log does not take it, the provider hears so and sends it again."""
    edge = Edge()
    edge.log.failures.append(Busy("full"))
    with pytest.raises(Busy):
        await hooks(edge).post(request())


async def test_messages_of_another_number_go_to_its_account() -> None:
    """One app's POST to one account may hold messages for another of the desk's numbers."""
    edge = Edge()
    message = {"from": "48500600700", "id": "w", "timestamp": "1", "type": "text", "text": {"body": "x"}}
    value = {"metadata": {"phone_number_id": "1066"}, "messages": [message]}
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()
    assert await status_of(edge, signed(body)) == 200
    assert [record.message.account for record in await edge.records()] == ["48222"]


async def test_the_handshake() -> None:
    """GET with the verify token gives the challenge back as text; a wrong one gets 403."""
    good = b"hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=4711"
    answer = await hooks(Edge()).get(request("whatsapp", "48221", query=good))
    assert (answer.status, answer.body) == (200, b"4711")
    for query, account in ((good.replace(b"-me", b"-you"), "48221"), (good, "48222"), (b"a=&" * 99, "48221")):
        with pytest.raises(Refusal) as caught:
            await hooks(Edge()).get(request("whatsapp", account, query=query))
        assert caught.value.status == 403


@settings(deadline=None)
@given(st.binary(max_size=120))
async def test_no_signed_body_is_an_error(body: bytes) -> None:
    """Whatever a provider signs is stored or left, and acknowledged."""
    assert await status_of(Edge(), request(body=body)) == 200
    assert await status_of(Edge(), signed(body)) == 200
