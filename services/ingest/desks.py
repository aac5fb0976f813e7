"""A desk's configuration, agents, presence and API keys: taken over when they say something new."""

from __future__ import annotations

import hashlib

from proto.v1.conversations_pb2 import (
    AgentConfigured,
    ApiKeyAdded,
    ApiKeyRemoved,
    ConversationsEvent,
    DeskConfigured,
)
from proto.v1.desk_pb2 import Agent
from proto.v1.inbound_pb2 import ApiKeyPut, Inbound
from services.ingest.state import State
from services.kernel.engine import Input
from services.kernel.ids import HASH_BYTES


def decide_desk(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """A new version of the configuration, or nothing new."""
    put, event = inbound.desk, _event(inbound, record, now_ms)
    desk = state.data.desks.get(inbound.desk_id)
    if desk is not None and desk.version and put.body_hash and desk.body_hash == put.body_hash:
        event.unchanged.what = "desk"
        return [event]
    body = event.desk
    body.desk.CopyFrom(put.desk)
    body.version = desk.version + 1 if desk is not None else 1
    body.source_json = put.source_json
    body.not_in_effect.extend(put.not_in_effect)
    body.body_hash = put.body_hash
    return [event]


def decide_agent(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """An agent as they are now, or nothing new."""
    agent, event = inbound.agent, _event(inbound, record, now_ms)
    desk = state.data.desks.get(inbound.desk_id)
    if desk is not None and desk.agents.get(agent.agent_id) == _hash_of(agent):
        event.unchanged.what = "agent"
    else:
        event.agent.agent.CopyFrom(agent)
    return [event]


def decide_presence(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """What an agent says of themselves; said again it holds longer, so it is always passed on."""
    event = _event(inbound, record, now_ms)
    event.presence.presence.CopyFrom(inbound.presence)
    event.presence.received_at_ms = record.at_ms
    return [event]


def decide_key(state: State, inbound: Inbound, record: Input, now_ms: int) -> list[ConversationsEvent]:
    """A new API key, or one that is there already."""
    put, event = inbound.api_key, _event(inbound, record, now_ms)
    desk = state.data.desks.get(inbound.desk_id)
    if desk is not None and desk.keys.get(put.key_id) == _hash_of(put):
        event.unchanged.what = "api_key"
    else:
        event.api_key.key.CopyFrom(put)
    return [event]


def decide_key_removal(
    state: State, inbound: Inbound, record: Input, now_ms: int
) -> list[ConversationsEvent]:
    """An API key that is no longer valid, or never was."""
    key_id, event = inbound.api_key_remove.key_id, _event(inbound, record, now_ms)
    desk = state.data.desks.get(inbound.desk_id)
    if desk is None or key_id not in desk.keys:
        event.unchanged.what = "api_key"
    else:
        event.api_key_removed.key_id = key_id
    return [event]


def evolve_desk(state: State, event: ConversationsEvent, body: DeskConfigured) -> None:
    """The configuration that holds: which accounts are listed, and its version."""
    desk = state.desk(event.desk_id)
    desk.version, desk.body_hash = body.version, body.body_hash
    desk.listed = [False] * len(desk.listed)
    for account in body.desk.accounts:
        desk.listed[state.place(event.desk_id, account.channel, account.account)] = True


def evolve_agent(state: State, event: ConversationsEvent, body: AgentConfigured) -> None:
    """The agent as they are now."""
    state.desk(event.desk_id).agents[body.agent.agent_id] = _hash_of(body.agent)


def evolve_key(state: State, event: ConversationsEvent, body: ApiKeyAdded) -> None:
    """The key is valid."""
    state.desk(event.desk_id).keys[body.key.key_id] = _hash_of(body.key)


def evolve_key_removed(state: State, event: ConversationsEvent, body: ApiKeyRemoved) -> None:
    """The key is not valid any more."""
    state.desk(event.desk_id).keys.pop(body.key_id, None)


def _hash_of(message: Agent | ApiKeyPut) -> bytes:
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()[:HASH_BYTES]


def _event(inbound: Inbound, record: Input, now_ms: int) -> ConversationsEvent:
    return ConversationsEvent(
        desk_id=inbound.desk_id, occurred_at_ms=now_ms, cause_id=record.id, origin_id=inbound.record_id
    )
