"""Telegram Bot API: sendMessage (core.telegram.org/bots/api#sendmessage).

No idempotency key and no delivery receipts: a lost answer is uncertain for good. The token is part of the
URL, so no error says the URL. A refusal is always JSON `{"ok": false, "error_code", "description"}`; what
answers without it is not Telegram's application but something before it, and then nobody knows.
"""

from __future__ import annotations

import json
import re

from services.notify.senders import SendRequest, SendResult, failed, retry, sent, uncertain
from services.notify.senders.http import Answer, Http, split_text, wait_ms
from services.runtime.secrets import Secrets

BASE_URL = "https://api.telegram.org"
TEXT_UNITS_MAX = 4096
"""Longest text of a message, in UTF-16 units."""
_CHAT = re.compile(r"-?[0-9]{1,19}")
"""An id of a chat; anything else names a public one."""


class TelegramSender:
    """Sends text to the chat that the customer wrote from."""

    def __init__(self, http: Http, secrets: Secrets) -> None:
        self._http = http
        self._secrets = secrets

    async def send(self, request: SendRequest, within_s: float) -> SendResult:
        """See the port. The provider's id is "chat:message", since message ids repeat between chats."""
        if request.content.attachments:
            return failed("telegram: attachments cannot be sent")
        token = self._secrets(request.account.secret)
        if not token:
            return retry("telegram: the account's secret is not set")
        base = request.account.base_url or BASE_URL
        url = f"{base.rstrip('/')}/bot{token}/sendMessage"
        parts = split_text(request.content.text, TEXT_UNITS_MAX)
        result = failed("telegram: nothing to send")
        for number, part in enumerate(parts):
            result = await self._post(url, request.route.address, part, within_s / len(parts))
            if not result.provider_id:
                return result if number == 0 else uncertain(f"{result.error} (part {number + 1})")
        return result

    async def _post(self, url: str, address: str, text: str, within_s: float) -> SendResult:
        chat: int | str = int(address) if _CHAT.fullmatch(address) else address
        body = json.dumps({"chat_id": chat, "text": text}).encode()
        headers = {"content-type": "application/json"}
        answer = await self._http.post("telegram", url, body, headers, within_s)
        return answer if isinstance(answer, SendResult) else _judge(answer, address)


def _judge(answer: Answer, address: str) -> SendResult:
    said = answer.json()
    if answer.status == 200:
        message = said.get("result")
        message_id = message.get("message_id") if isinstance(message, dict) else None
        # Without an id (an answer cut short) it is sent all the same.
        return sent(f"{address}:{message_id if message_id is not None else '?'}")
    error = f"telegram {answer.status}"
    if answer.status == 429:
        parameters = said.get("parameters")
        wait_s = parameters.get("retry_after") if isinstance(parameters, dict) else None
        return retry(error, wait_ms(wait_s) if isinstance(wait_s, int) else answer.retry_after_ms())
    if answer.status in (401, 404):
        return retry(f"{error}: token refused")
    if 400 <= answer.status < 500:
        return failed(error)
    if said.get("ok") is False or answer.status == 503:
        return retry(error, answer.retry_after_ms())
    return uncertain(error)
