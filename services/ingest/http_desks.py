"""Ingest's HTTP for those who run a desk: configuration, agents, presence, API keys."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from proto.v1.desk_pb2 import AgentKind
from proto.v1.inbound_pb2 import ApiKeyPut, ApiKeyRemove, Inbound
from services.ingest.configuring import ADMIN, Configuring
from services.ingest.schemas import KEY, KeyIn
from services.ingest.schemas_desk import AgentIn, DeskIn
from services.kernel.desk import parse_agent
from services.kernel.errors import Problem
from services.runtime import answers_desks as answers
from services.runtime import auth, presence, shapes
from services.runtime.desk_file import load_document
from services.runtime.documents import AgentLoad, ApiKeyView, DeskView
from services.runtime.edge import AGENT_ID, AGENT_ID_RULE, Edge, no_desk
from services.runtime.openapi import answer_of, body_of
from services.runtime.presence import PRESENCE, PresenceIn
from services.runtime.problems import Refusal
from services.runtime.project_conversations import word


class Configuration:
    """Desks, agents, presence."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._configuring = Configuring(edge)

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        desk, agent = "/v1/desks/{desk}", "/v1/desks/{desk}/agents/{agent}"
        stored, known = answer_of(answers.StoredDesk), answer_of(answers.Agent)
        body, extra = body_of(DeskIn, "application/yaml"), body_of(AgentIn, "application/yaml")
        add = router.add_api_route
        add(desk, self.put_desk, methods=["PUT"], openapi_extra=body, responses=stored)
        add(desk, self.get_desk, methods=["GET"], responses=stored)
        add("/v1/desks", self.list_desks, methods=["GET"], responses=answer_of(list[answers.DeskVersion]))
        add(agent, self.put_agent, methods=["PUT"], openapi_extra=extra, responses=known)
        add(agent, self.get_agent, methods=["GET"], responses=known)
        every = answer_of(list[answers.Agent])
        add("/v1/desks/{desk}/agents", self.list_agents, methods=["GET"], responses=every)
        said, extra = answer_of(answers.PresenceSaid), body_of(PresenceIn)
        there = f"{agent}/presence"
        add(there, self.put_presence, methods=["PUT"], openapi_extra=extra, responses=said)

    async def put_desk(self, desk: str, request: Request) -> dict[str, Any]:
        """Store a desk's whole configuration, YAML or JSON; names every problem at once."""
        principal = self._edge.check(request, desk, ADMIN)
        content_type = request.headers.get("content-type", "")
        await self._configuring.store(desk, await request.body(), content_type)
        return self._configuring.shown(desk, principal)

    async def get_desk(self, desk: str, request: Request, after: str = "") -> dict[str, Any]:
        """The stored configuration; for an admin with the secret that signs webhooks which name none."""
        principal = self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(desk, after)
        return self._configuring.shown(desk, principal)

    async def list_desks(self, request: Request) -> list[dict[str, Any]]:
        """Every desk of the installation."""
        self._edge.check(request, "", ADMIN)
        views = await self._edge.views.scan_all(DeskView)
        return [{"desk": view.id, "version": view.version} for view in views]

    async def put_agent(self, desk: str, agent: str, request: Request) -> dict[str, Any]:
        """Store an agent, JSON or YAML: name, kind, skills, languages, capacity, channels, limits."""
        self._edge.check(request, desk, ADMIN)
        known = self._edge.directory.get(desk)
        if known is None:
            raise no_desk(desk)
        if not AGENT_ID.fullmatch(agent):
            raise Refusal(422, "The agent's id is not valid.", [Problem("/agent", AGENT_ID_RULE)])
        is_yaml = "yaml" in request.headers.get("content-type", "")
        form = "application/yaml" if is_yaml else "application/json"
        document = load_document(await request.body(), form, "the agent")
        parsed = parse_agent(agent, document, known)
        await self._edge.outcome(Inbound(desk_id=desk, agent=parsed))
        return await self._agent(desk, agent)

    async def get_agent(self, desk: str, agent: str, request: Request, after: str = "") -> dict[str, Any]:
        """An agent, with presence and load."""
        self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(desk, after)
        return await self._agent(desk, agent)

    async def list_agents(self, desk: str, request: Request, after: str = "") -> list[dict[str, Any]]:
        """Every agent of the desk, with presence and load."""
        self._edge.check(request, desk, auth.READERS)
        await self._edge.shown(desk, after)
        self._edge.know_desk(desk)
        return [await self._agent(desk, agent.agent_id) for agent in await self._edge.directory.agents(desk)]

    async def _agent(self, desk: str, agent: str) -> dict[str, Any]:
        known = await self._edge.directory.agent(desk, agent)
        if known is None:
            raise Refusal(404, "The desk has no such agent.")
        views = self._edge.views.of(desk)
        load = await views.get(AgentLoad, f"{desk}/{agent}") or AgentLoad(desk, agent)
        return {
            "id": agent,
            "desk": desk,
            "name": known.name,
            "kind": word(AgentKind, known.kind),
            "skills": dict(known.skills),
            "languages": dict(known.languages),
            "channels": list(known.channels),
            "limits": dict(known.limits),
            "capacity": {"used": load.used(), "of": known.capacity},
            "presence": load.presence,
            "connected": load.here,
            "conversations": sorted(load.owned),
        }

    async def put_presence(self, desk: str, agent: str, request: Request) -> dict[str, Any]:
        """Say whether the agent takes work."""
        principal = self._edge.check(request, desk, ("admin", "agent"))
        principal.speaks_for(agent)
        self._edge.know_desk(desk)
        await self._edge.know_agent(desk, agent)
        body = PRESENCE.validate_json(await request.body())
        await presence.say(self._edge, desk, agent, body)
        return {"agent": agent, "state": body.state, "ttl_s": body.ttl_s}


class Keys:
    """API keys of a desk."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_to(self, router: APIRouter) -> None:
        """Hang the routes onto a router."""
        path = "/v1/desks/{desk}/keys"
        router.add_api_route(
            path, self.make, methods=["POST"], status_code=201,
            openapi_extra=body_of(KeyIn), responses=answer_of(answers.KeyMade, 201),
        )  # fmt: skip
        router.add_api_route(path, self.list, methods=["GET"], responses=answer_of(list[answers.Key]))
        router.add_api_route(path + "/{key}", self.remove, methods=["DELETE"], status_code=204)

    async def make(self, desk: str, request: Request) -> dict[str, Any]:
        """Make a key; it is shown this once, and only its hash is kept."""
        self._edge.check(request, desk, ADMIN)
        self._edge.know_desk(desk)
        body = KEY.validate_json(await request.body())
        if body.agent and await self._edge.directory.agent(desk, body.agent) is None:
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

    async def list(self, desk: str, request: Request, after: str = "") -> list[dict[str, Any]]:
        """The desk's keys, without the keys themselves."""
        self._edge.check(request, desk, ADMIN)
        await self._edge.shown(desk, after)
        self._edge.know_desk(desk)
        known = await self._edge.views.of(desk).scan(ApiKeyView, "")
        keys = [key for key in known if key.desk == desk]
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
        known = await self._edge.views.of(desk).scan(ApiKeyView, "")
        if not any(one.id == key and one.desk == desk for one in known):
            raise Refusal(404, "The desk has no such key.")
        await self._edge.outcome(Inbound(desk_id=desk, api_key_remove=ApiKeyRemove(key_id=key)))
        return Response(status_code=204)
