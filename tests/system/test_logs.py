"""What a running process writes: JSON, whose it is, and nothing that a customer wrote."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from bench.program import ADMIN_KEY
from bench.server import Server
from tests.system.outside import HOME, chat_message, desk_config

pytestmark = pytest.mark.servers

WORDS = ("zegarmistrzostwo", "tajny.klient@example.pl", "Grzegorz Tajny")


async def test_a_process_writes_json_without_a_customers_words(tmp_path: Path) -> None:
    """At the most talkative level, over good and bad requests: each line is an object, none holds a word."""
    settings = {"CENTRALA_LOG_LEVEL": "debug", "CENTRALA_LOG_FORMAT": "json"}
    server = Server(tmp_path / "data", settings=settings)
    await server.start()
    try:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers) as client:
            assert (await client.put(HOME, json=desk_config())).is_success
            sender = {"address": WORDS[1], "name": WORDS[2]}
            told = await client.post(f"{HOME}/messages", json=chat_message("m1", WORDS[0], sender))
            assert told.status_code == 202
            shown = await client.get(f"{HOME}/conversations", params={"after": told.json()["record_id"]})
            assert len(shown.json()["items"]) == 1
            bad = await client.post(f"{HOME}/messages", content=f'{{"text": "{WORDS[0]}", "from": 1')
            assert bad.status_code in (400, 422)
    finally:
        await asyncio.to_thread(server.stop)
    text = (tmp_path / "data.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert lines
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert [word for word in WORDS if word in text] == []
    spoken = [line for line in text.splitlines() if line and not line.startswith("{")]
    assert all(line.startswith(("Centrala listens", "gRPC is", "Mail is")) for line in spoken), spoken
