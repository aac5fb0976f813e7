"""Outgoing webhooks, signed as Standard Webhooks says (github.com/standard-webhooks, spec 1.0).

`webhook-id` is the send's id, the same on every attempt: a receiver that drops repeats by it makes every
attempt safe, so nothing here is ever uncertain for good. The signature is over "id.timestamp.body", HMAC
SHA-256 under the secret that the desk names, or under a key derived for the desk.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from services.notify.senders import SendRequest, SendResult, failed, retry, sent
from services.notify.senders.http import Answer, Http
from services.notify.ways import NOTICE
from services.runtime.secrets import WEBHOOK_PREFIX, Secrets, webhook_secret

_USELESS = frozenset({400, 410, 413, 415, 422})
"""What a receiver says about this very call; whatever else is wrong may be put right within the day."""


class WebhookSender:
    """Calls a system of the desk's."""

    def __init__(self, http: Http, secrets: Secrets) -> None:
        self._http = http
        self._secrets = secrets

    async def send(self, request: SendRequest, within_s: float) -> SendResult:
        """See the port. The provider's id is the send's own."""
        name = secret_name(request)
        secret = self._secrets(name) if name else webhook_secret(request.desk_key)
        if not secret:
            return retry("webhook: the secret is not set")
        body = payload(request)
        timestamp = str(request.now_ms // 1000)
        headers = {
            "content-type": "application/json",
            "user-agent": "centrala",
            "webhook-id": request.send_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(secret, request.send_id, timestamp, body),
        }
        answer = await self._http.post("webhook", request.requested.url, body, headers, within_s)
        return answer if isinstance(answer, SendResult) else _judge(answer, request.send_id)


def secret_name(request: SendRequest) -> str:
    """The name of the secret that the desk set for this URL; "" for the derived key."""
    for hook in request.desk.webhooks:
        if hook.url == request.requested.url and hook.secret:
            return hook.secret
    return ""


def sign(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """The header webhook-signature. A secret is base64, with or without "whsec_"; one that is not base64
    is taken as it is."""
    encoded = secret.removeprefix(WEBHOOK_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        key = secret.encode()
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def payload(request: SendRequest) -> bytes:
    """The body: type, timestamp, data. The same bytes on every attempt."""
    requested = request.requested
    data: dict[str, Any] = {"desk": request.desk_id, "send_id": request.send_id}
    if requested.event_json:
        data |= json.loads(requested.event_json)
    else:
        data |= _message(request)
    at = datetime.fromtimestamp(request.requested_ms / 1000, UTC).isoformat(timespec="milliseconds")
    whole = {"type": requested.event_name, "timestamp": at, "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _message(request: SendRequest) -> dict[str, Any]:
    requested, content, route = request.requested, request.content, request.route
    data: dict[str, Any] = {
        "conversation_id": requested.conversation_id or None,
        "channel": requested.channel,
        "account": requested.account,
        "to": {"address": route.address, "name": route.name},
        "in_reply_to": route.external_id or None,
        "thread": route.thread or None,
        "subject": content.subject or None,
        "text": content.text,
        "html": content.html or None,
        "author": requested.author_agent_id or None,
        "attachments": [
            {
                "name": each.name,
                "media_type": each.media_type,
                "size_bytes": each.size_bytes,
                "data": base64.b64encode(data).decode(),
            }
            for each, data in request.attachments
        ],
    }
    if requested.event_name == NOTICE:
        data["notice"] = {
            "kind": "delay",
            "order_id": requested.order_id,
            "matter": requested.matter,
            "language": requested.language,
            "told_before": _time(requested.told_before_ms),
            "told_now": _time(requested.told_now_ms),
        }
    return data


def _time(at_ms: int) -> str | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat() if at_ms else None


def _judge(answer: Answer, send_id: str) -> SendResult:
    if 200 <= answer.status < 300:
        return sent(send_id)
    error = f"webhook {answer.status}"
    return failed(error) if answer.status in _USELESS else retry(error, answer.retry_after_ms())
