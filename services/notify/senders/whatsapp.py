"""WhatsApp Cloud API: POST /{phone_number_id}/messages (developers.facebook.com/docs/whatsapp/cloud-api).

No idempotency key; our id travels in `biz_opaque_callback_data` and comes back with every status, which
settles what was uncertain. Of a text in several parts only the last has it: when that arrived, all did.
Free text is taken within 24 hours of the customer's last message only; after that the API refuses with
131047, and so do we, visibly.
"""

from __future__ import annotations

import json
import re

from services.notify.senders import SendRequest, SendResult, failed, retry, sent, uncertain
from services.notify.senders.http import Answer, Http, split_text
from services.runtime.secrets import Secrets

BASE_URL = "https://graph.facebook.com/v23.0"
TEXT_UNITS_MAX = 4096
"""Longest text body."""
PAIR_RATE_MS = 6_000
"""One message to the same customer each six seconds, after a burst."""

_BUSINESS_SCOPED = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,160}")
"""A user id that stands for a hidden number ("PL.abc", or "PL.ENT.abc")."""

_LATER = {
    4: 0,
    80007: 0,
    130429: 0,
    131048: 0,
    131056: PAIR_RATE_MS,
    131000: 0,
    131016: 0,
    131057: 0,
    1: 0,
    2: 0,
}
"""Codes that say "later" (cloud-api/support/error-codes), with the least wait in milliseconds."""
_CREDENTIALS = frozenset({0, 3, 10, 190, *range(200, 300)})
"""Codes about token and permissions: an operator puts that right, so the message is kept."""
_WHY = {
    131047: "more than 24 hours since the customer wrote",
    131026: "the customer cannot be reached on WhatsApp",
    131051: "unsupported kind of message",
    131031: "the account is locked",
}


class WhatsAppSender:
    """Sends text to the number (or business-scoped id) that the customer wrote from."""

    def __init__(self, http: Http, secrets: Secrets) -> None:
        self._http = http
        self._secrets = secrets

    async def send(self, request: SendRequest, within_s: float) -> SendResult:
        """See the port. The provider's id is the wamid of the last part."""
        if request.content.attachments:
            return failed("whatsapp: attachments cannot be sent")
        token = self._secrets(request.account.secret)
        if not token:
            return retry("whatsapp: the account's secret is not set")
        base = request.account.base_url or BASE_URL
        url = f"{base.rstrip('/')}/{request.account.phone_number_id}/messages"
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        result = failed("whatsapp: nothing to send")
        parts = split_text(request.content.text, TEXT_UNITS_MAX)
        for number, part in enumerate(parts):
            names = request.send_id if number == len(parts) - 1 else ""
            body = _body(request.route.address, part, names)
            answer = await self._http.post("whatsapp", url, body, headers, within_s / len(parts))
            result = answer if isinstance(answer, SendResult) else _judge(answer)
            if not result.provider_id:
                return result if number == 0 else uncertain(f"{result.error} (part {number + 1})")
        return result


def _body(address: str, text: str, send_id: str) -> bytes:
    names = {"biz_opaque_callback_data": send_id} if send_id else {}
    to = {"recipient": address} if _BUSINESS_SCOPED.fullmatch(address) else {"to": address.lstrip("+")}
    return json.dumps(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **to,
            "type": "text",
            "text": {"preview_url": False, "body": text},
            **names,
        }
    ).encode()


def _judge(answer: Answer) -> SendResult:
    said = answer.json()
    if answer.status == 200:
        messages = said.get("messages")
        first = messages[0] if isinstance(messages, list) and messages else None
        wamid = first.get("id") if isinstance(first, dict) else None
        return sent(wamid) if isinstance(wamid, str) and wamid else uncertain("whatsapp: 200 without an id")
    details = said.get("error")
    code = details.get("code") if isinstance(details, dict) else None
    if not isinstance(code, int):
        # Not the API's own answer: something before it, which may or may not have passed it on.
        if answer.status in (429, 503):
            return retry(f"whatsapp {answer.status}", answer.retry_after_ms())
        if 400 <= answer.status < 500:
            return failed(f"whatsapp {answer.status}")
        return uncertain(f"whatsapp {answer.status}")
    error = f"whatsapp {code}"
    if code in _CREDENTIALS or answer.status == 401:
        return retry(f"{error}: credentials refused")
    if code in _LATER or answer.status == 429:
        return retry(error, max(_LATER.get(code, 0), answer.retry_after_ms()))
    if answer.status >= 500:
        return retry(error, answer.retry_after_ms())
    return failed(f"{error}: {_WHY[code]}" if code in _WHY else error)
