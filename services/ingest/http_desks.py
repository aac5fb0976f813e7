"""Ingest's HTTP for those who run a desk: configuration, agents, presence, API keys."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from proto.v1.desk_pb2 import AgentKind, DeskConfig
from proto.v1.inbound_pb2 import ApiKeyPut, ApiKeyRemove, DeskPut, Inbound, PresencePut
from services.ingest.schemas import KEY, PRESENCE, KeyIn, PresenceIn
from services.kernel.desk import DeskDocument, parse_agent, parse_desk
from services.kernel.errors import Problem
from services.kernel.limits import CONFIGURATION_BYTES_MAX
from services.kernel.reply_token import plain_address
from services.runtime import auth, shapes
from services.runtime.desk_file import load_document
from services.runtime.documents import AgentLoad, ApiKeyView
from services.runtime.edge import AGENT_ID, AGENT_ID_RULE, DESK_ID, DESK_ID_RULE, Edge, no_desk
from services.runtime.openapi import body_of
from services.runtime.problems import Refusal
from services.runtime.project_conversations import word
from services.runtime.secrets import webhook_secret

ADMIN = ("admin",)
IN_THREAD_BYTES = 32_768
"""Longer configurations are read in a thread, so that the loops go on: YAML takes microseconds a value."""


class Configuration:
    """Desks, agents, presence."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        desk, agent = "/v1/desks/{desk}", "/v1/desks/{desk}/agents/{agent}"
        router.add_api_route(desk, self.put_desk, methods=["PUT"], openapi_extra=body_of(None))
        router.add_api_route(desk, self.get_desk, methods=["GET"])
        router.add_api_route("/v1/desks", self.list_desks, methods=["GET"])
        router.add_api_route(agent, self.put_agent, methods=["PUT"], openapi_extra=body_of(None))
        router.add_api_route(agent, self.get_agent, methods=["GET"])
        router.add_api_route("/v1/desks/{desk}/agents", self.list_agents, methods=["GET"])
        presence = f"{agent}/presence"
        router.add_api_route(presence, self.put_presence, methods=["PUT"], openapi_extra=body_of(PresenceIn))

    async def put_desk(self, desk: str, request: Request) -> dict[str, Any]:
        """Store a desk's whole configuration, YAML or JSON; names every problem at once."""
        principal = self._edge.check(request, desk, ADMIN)
        if not DESK_ID.fullmatch(desk):
            raise Refusal(422, "The desk's id is not valid.", [Problem("/desk", DESK_ID_RULE)])
        raw = await request.body()
        _check_size(len(raw))
        content_type = request.headers.get("content-type", "")
        if len(raw) > IN_THREAD_BYTES:
            parsed = await asyncio.to_thread(_read, raw, content_type)
        else:
            parsed = _read(raw, content_type)
        _check_size(len(parsed.source_json.encode()))
        self._check_mail(desk, parsed.desk)
        put = DeskPut(
            desk=parsed.desk,
            source_json=parsed.source_json,
            not_in_effect=parsed.not_in_effect,
            body_hash=hashlib.sha256(parsed.source_json.encode()).digest()[:16],
        )
        await self._edge.outcome(Inbound(desk_id=desk, desk=put))
        return self._desk(desk, principal)

    def _check_mail(self, desk_id: str, desk: DeskConfig) -> None:
        """Mail finds its desk by the address alone, so an address has one desk, the first that names it:
        in whatever letters, and with whatever stands behind a plus sign, where our reply tokens are."""
        taken = {
            plain_address(address): owner for address, owner in self._edge.directory.email_accounts().items()
        }
        rule = "another desk has this mailbox"
        problems = [
            Problem(f"/channels/{place}/account", rule)
            for place, one in enumerate(desk.accounts)
            if one.channel == "email" and taken.get(plain_address(one.account.lower()), desk_id) != desk_id
        ]
        if problems:
            raise Refusal(422, "A mailbox belongs to another desk.", problems)

    async def get_desk(self, desk: str, request: Request, after: str = "") -> dict[str, Any]:
        """The stored configuration; for an admin with the secret that signs webhooks which name none."""
        principal = self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(after)
        return self._desk(desk, principal)

    async def list_desks(self, request: Request) -> list[dict[str, Any]]:
        """Every desk of the installation."""
        self._edge.check(request, "", ADMIN)
        views = [self._edge.directory.view(desk) for desk in self._edge.directory.desks()]
        return [{"desk": view.id, "version": view.version} for view in views if view is not None]

    def _desk(self, desk: str, principal: auth.Principal) -> dict[str, Any]:
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

    async def put_agent(self, desk: str, agent: str, request: Request) -> dict[str, Any]:
        """Store an agent: name, kind, skills, languages, capacity, channels."""
        self._edge.check(request, desk, ADMIN)
        known = self._edge.directory.get(desk)
        if known is None:
            raise no_desk(desk)
        if not AGENT_ID.fullmatch(agent):
            raise Refusal(422, "The agent's id is not valid.", [Problem("/agent", AGENT_ID_RULE)])
        document = load_document(await request.body(), "application/json", "the agent")
        parsed = parse_agent(agent, document, known)
        await self._edge.outcome(Inbound(desk_id=desk, agent=parsed))
        return self._agent(desk, agent)

    async def get_agent(self, desk: str, agent: str, request: Request, after: str = "") -> dict[str, Any]:
        """An agent, with presence and load."""
        self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(after)
        return self._agent(desk, agent)

    async def list_agents(self, desk: str, request: Request, after: str = "") -> list[dict[str, Any]]:
        """Every agent of the desk, with presence and load."""
        self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(after)
        return [self._agent(desk, agent.agent_id) for agent in self._edge.directory.agents(desk)]

    def _agent(self, desk: str, agent: str) -> dict[str, Any]:
        known = self._edge.directory.agent(desk, agent)
        if known is None:
            raise Refusal(404, "The desk has no such agent.")
        load = self._edge.views.peek(AgentLoad, f"{desk}/{agent}") or AgentLoad(desk, agent)
        return {
            "id": agent,
            "desk": desk,
            "name": known.name,
            "kind": word(AgentKind, known.kind),
            "skills": dict(known.skills),
            "languages": dict(known.languages),
            "channels": list(known.channels),
            "capacity": {"used": load.used(), "of": known.capacity},
            "presence": load.presence,
            "connected": load.here,
            "conversations": sorted(load.owned),
        }

    async def put_presence(self, desk: str, agent: str, request: Request) -> dict[str, Any]:
        """Say whether the agent takes work."""
        principal = self._edge.check(request, desk, ("admin", "agent"))
        principal.speaks_for(agent)
        if self._edge.directory.agent(desk, agent) is None:
            raise Refusal(404, "The desk has no such agent.")
        body = PRESENCE.validate_json(await request.body())
        state = f"PRESENCE_STATE_{body.state.upper()}"
        put = PresencePut(agent_id=agent, state=state, ttl_ms=(body.ttl_s or 0) * 1000)
        await self._edge.outcome(Inbound(desk_id=desk, presence=put))
        return {"agent": agent, "state": body.state, "ttl_s": body.ttl_s}


def _read(raw: bytes, content_type: str) -> DeskDocument:
    return parse_desk(load_document(raw, content_type))


def _check_size(size: int) -> None:
    if size > CONFIGURATION_BYTES_MAX:
        raise Refusal(413, f"A configuration may have {CONFIGURATION_BYTES_MAX} bytes; this one has {size}.")


class Keys:
    """API keys of a desk."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        path = "/v1/desks/{desk}/keys"
        extra = body_of(KeyIn)
        router.add_api_route(path, self.make, methods=["POST"], status_code=201, openapi_extra=extra)
        router.add_api_route(path, self.list, methods=["GET"])
        router.add_api_route(path + "/{key}", self.remove, methods=["DELETE"], status_code=204)

    async def make(self, desk: str, request: Request) -> dict[str, Any]:
        """Make a key; it is shown this once, and only its hash is kept."""
        self._edge.check(request, desk, ADMIN)
        if self._edge.directory.view(desk) is None:
            raise no_desk(desk)
        body = KEY.validate_json(await request.body())
        if body.agent and self._edge.directory.agent(desk, body.agent) is None:
            problem = Problem("/agent", "must be an agent of this desk")
            raise Refusal(422, "The desk has no such agent.", [problem])
        key, key_id = auth.new_key(), "k" + secrets.token_hex(8)
        put = ApiKeyPut(
            key_id=key_id,
            key_hash=auth.hash_of(key),
            scope=f"KEY_SCOPE_{body.scope.upper()}",
            name=body.name,
            agent_id=body.agent,
        )
        await self._edge.outcome(Inbound(desk_id=desk, api_key=put))
        return {
            "id": key_id, "key": key, "scope": body.scope, "name": body.name, "agent": body.agent or None,
        }  # fmt: skip

    async def list(self, desk: str, request: Request) -> list[dict[str, Any]]:
        """The desk's keys, without the keys themselves."""
        self._edge.check(request, desk, ADMIN)
        keys = [key for key in self._edge.views.under(ApiKeyView, "") if key.desk == desk]
        return [
            {
                "id": key.id,
                "scope": key.scope,
                "name": key.name,
                "agent": key.agent or None,
                "created_at": shapes.rfc3339(key.at_ms),
            }
            for key in sorted(keys, key=lambda key: key.at_ms)
        ]

    async def remove(self, desk: str, key: str, request: Request) -> Response:
        """Remove a key; it is refused from then on."""
        self._edge.check(request, desk, ADMIN)
        known = self._edge.views.under(ApiKeyView, "")
        if not any(one.id == key and one.desk == desk for one in known):
            raise Refusal(404, "The desk has no such key.")
        await self._edge.outcome(Inbound(desk_id=desk, api_key_remove=ApiKeyRemove(key_id=key)))
        return Response(status_code=204)
