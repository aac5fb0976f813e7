"""A desk's configuration in and out, whichever door it came by."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.inbound_pb2 import DeskPut, Inbound
from services.kernel.desk import DeskDocument, parse_desk
from services.kernel.errors import Problem
from services.kernel.limits import CONFIGURATION_BYTES_MAX
from services.kernel.reply_token import plain_address
from services.runtime.auth import Principal
from services.runtime.desk_file import load_document
from services.runtime.edge import DESK_ID, DESK_ID_RULE, Edge, no_desk
from services.runtime.problems import Refusal
from services.runtime.secrets import webhook_secret

ADMIN = ("admin",)
"""Scopes that may configure."""
IN_THREAD_BYTES = 32_768
"""Longer configurations are read in a thread, so that the loops go on: YAML takes microseconds a value."""


class Configuring:
    """Desks as they are configured."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def store(self, desk: str, raw: bytes, content_type: str) -> None:
        """Store a whole configuration, YAML or JSON. Raises Refusal 422 that names every problem at once,
        413, and as `Edge.outcome`."""
        if not DESK_ID.fullmatch(desk):
            raise Refusal(422, "The desk's id is not valid.", [Problem("/desk", DESK_ID_RULE)])
        _check_size(len(raw))
        if len(raw) > IN_THREAD_BYTES:
            parsed = await asyncio.to_thread(_read, raw, content_type)
        else:
            parsed = _read(raw, content_type)
        _check_size(len(parsed.source_json.encode()))
        await self._check_mail(desk, parsed.desk)
        put = DeskPut(
            desk=parsed.desk,
            source_json=parsed.source_json,
            not_in_effect=parsed.not_in_effect,
            body_hash=hashlib.sha256(parsed.source_json.encode()).digest()[:16],
        )
        await self._edge.outcome(Inbound(desk_id=desk, desk=put))

    async def _check_mail(self, desk_id: str, desk: DeskConfig) -> None:
        """Mail finds its desk by the address alone, so an address has one desk, the first that names it:
        in whatever letters, and with whatever stands behind a plus sign, where our reply tokens are."""
        if not any(one.channel == "email" for one in desk.accounts):
            return
        known = await self._edge.directory.email_accounts()
        taken = {plain_address(address): owner for address, owner in known.items()}
        rule = "another desk has this mailbox"
        problems = [
            Problem(f"/channels/{place}/account", rule)
            for place, one in enumerate(desk.accounts)
            if one.channel == "email" and taken.get(plain_address(one.account.lower()), desk_id) != desk_id
        ]
        if problems:
            raise Refusal(422, "A mailbox belongs to another desk.", problems)

    def shown(self, desk: str, principal: Principal) -> dict[str, Any]:
        """What is stored; for an admin with the secret that signs webhooks which name none."""
        view = self._edge.directory.view(desk)
        if view is None:
            raise no_desk(desk)
        shown = {
            "desk": desk,
            "version": view.version,
            "not_in_effect": list(view.not_in_effect),
            "configuration": msgspec.json.decode(view.source_json),
        }
        if principal.scope == "admin":
            shown["webhook_secret"] = webhook_secret(self._edge.app.sealing.desk_key(desk))
        return shown


def _read(raw: bytes, content_type: str) -> DeskDocument:
    return parse_desk(load_document(raw, content_type))


def _check_size(size: int) -> None:
    if size > CONFIGURATION_BYTES_MAX:
        raise Refusal(413, f"A configuration may have {CONFIGURATION_BYTES_MAX} bytes; this one has {size}.")
