"""Providers' webhooks: GET and POST /v1/webhooks/{desk}/{channel}/{account}.

    GET    the provider's handshake, if it has one
    POST   401 without a signature that holds · 404 for a desk or account that is not there
           413 larger than WEBHOOK_BYTES_MAX · 503 not stored: again, please · 200 stored

Of an account's configuration, `app_secret` names what opens it: WhatsApp's app secret, Telegram's
`secret_token` of setWebhook; `verify_token` names the token of WhatsApp's handshake. A name may stand
for several secrets, one a line, so that they can be changed without losing a call.

The signature is checked over the raw bytes before anything is parsed, and an account without a secret
is closed. What cannot be understood is stored as it is, for quarantine, and answered 200: a provider
that gets errors for it would switch the webhook off for everything else too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn
from urllib.parse import parse_qsl

from proto.v1 import desk_pb2
from services.ingest.channels import WebhookAdapter, Where, telegram, whatsapp
from services.ingest.intake import Intake
from services.kernel.limits import WEBHOOK_BYTES_MAX
from services.runtime.asgi import HotRequest, HotResponse, trace_of
from services.runtime.problems import Refusal
from services.runtime.secrets import Secrets

PATH = "/v1/webhooks/{desk}/{channel}/{account}"
BODY_BYTES_MAX = WEBHOOK_BYTES_MAX
ADAPTERS: Mapping[str, WebhookAdapter] = {telegram.CHANNEL: telegram, whatsapp.CHANNEL: whatsapp}

_TEXT = ((b"content-type", b"text/plain; charset=utf-8"),)


class Webhooks:
    """The handlers of the path, for `App.add_hot`."""

    def __init__(self, intake: Intake, secrets: Secrets) -> None:
        self._intake = intake
        self._secrets = secrets

    async def get(self, request: HotRequest) -> HotResponse:
        """Answer a provider's handshake; raises Refusal 403 for a wrong token, 404 as `post`."""
        adapter, account = self._find(request)
        try:
            pairs = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True, max_num_fields=50)
        except ValueError:  # too many fields: no provider's handshake
            pairs = []
        challenge = adapter.handshake(dict(pairs), self._active(account.verify_token))
        if challenge is None:
            raise Refusal(403, "The verify token is not this account's.")
        return HotResponse(200, challenge, _TEXT)

    async def post(self, request: HotRequest) -> HotResponse:
        """Verify, parse, store; 200 when it is durable."""
        adapter, account = self._find(request)
        if len(request.body) > WEBHOOK_BYTES_MAX:
            raise Refusal(413, f"The body is larger than {WEBHOOK_BYTES_MAX} bytes.")
        if not adapter.verify(request.body, request.headers, self._active(account.app_secret)):
            raise Refusal(401, "The signature is missing or not this account's.")
        desk_id = request.path_params["desk"]
        items = adapter.parse(request.body, self._where(desk_id, account))
        trace = trace_of(request.headers)
        await self._intake.submit_all(desk_id, items, trace, source=(account.channel, account.account))
        return HotResponse(200, b"{}")

    def _find(self, request: HotRequest) -> tuple[WebhookAdapter, desk_pb2.Account]:
        params = request.path_params
        adapter = ADAPTERS.get(params["channel"])
        account = self._intake.desks.account(params["desk"], params["channel"], params["account"])
        if adapter is None or account is None:
            _not_there()
        return adapter, account

    def _where(self, desk_id: str, account: desk_pb2.Account) -> Where:
        """The account, and the desk's others by the provider's name: one app may serve many numbers."""
        if not account.phone_number_id:
            return Where(account.account)
        desk = self._intake.desks.get(desk_id)
        others = desk.accounts if desk is not None else [account]
        return Where(
            account.account,
            {
                one.phone_number_id: one.account
                for one in others
                if one.channel == account.channel and one.phone_number_id
            },
        )

    def _active(self, name: str) -> Sequence[bytes]:
        """The active secrets behind a name, one a line."""
        value = self._secrets(name) if name else None
        lines = (value or "").splitlines()
        return [line.strip().encode() for line in lines if line.strip()]


def _not_there() -> NoReturn:
    raise Refusal(404, "There is no such desk, channel or account.")
