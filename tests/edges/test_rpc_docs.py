"""The examples of docs/grpc.md do what the page says, command by command, by reflection alone."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.edges.calls import Caller, calling
from tests.edges.installation import ADMIN
from tests.tidy import tree
from tools import grpcurl

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(\w+)=\S+$|^(grpcurl (?:[^'\"\n]|'[^']*'|\"[^\"]*\")+)$", re.MULTILINE)
"""A variable that is set to what was seen, or a call; what is quoted may hold line breaks."""
VARIABLE = re.compile(r"\$([A-Z]+)")
SHOP: dict[str, Any] = {
    "name": "My shop",
    "time_zone": "Europe/Warsaw",
    "locale": "en",
    "channels": [{"channel": "chat", "account": "www"}],
    "skills": ["delivery"],
    "routing": {"offer_expires": "2m"},
    "notices": {"quiet": "none"},
}
ENDED = grpcurl.EXIT_BASE + 4
"""The exit code of a stream that its deadline has ended."""


class Reader:
    """Somebody who types the page's commands, one after the other."""

    def __init__(self, caller: Caller) -> None:
        self.variables = {"KEY": ADMIN, "GRPC": caller.target}
        self.told: dict[str, list[Any]] = {}
        self._seen: dict[str, str] = {}

    async def type(self, text: str) -> None:
        """A block of commands."""
        for name, command in COMMAND.findall(text):
            if name:  # such as OFFER=o...: what the reader has seen as offer_id
                self.variables[name] = self._seen[f"{name.lower()}_id"]
            else:
                await self._run(command)

    async def _run(self, command: str) -> None:
        words = shlex.split(VARIABLE.sub(lambda found: self.variables[found[1]], command))
        out = io.StringIO()
        code = await asyncio.to_thread(grpcurl.main, words[1:], out)
        assert code == (ENDED if "-max-time" in words else 0), f"{command}\n{out.getvalue()}"
        answers = out.getvalue().split("ERROR:")[0]
        verb = words[-1] if "/" in words[-1] else " ".join(words[3:])
        self.told[verb] = list(grpcurl.documents(answers)) if "/" in verb else answers.split("\n")
        self._look(self.told[verb])

    def _look(self, told: Any) -> None:
        """Remember the ids of what is shown."""
        for value in told.values() if isinstance(told, dict) else told:
            if isinstance(value, dict | list):
                self._look(value)
        if isinstance(told, dict):
            self._seen |= {name: told[name] for name in ("offer_id", "conversation_id") if name in told}


async def test_the_pages_examples_run() -> None:
    """Each command of the page succeeds, and its answer holds what the page promises."""
    page = tree.text(Path("docs/grpc.md"))
    async with calling() as caller:
        assert (await caller.made.call("PUT", "/v1/desks/shop", SHOP)).status_code == 200
        ola = {"name": "Ola", "skills": {"delivery": 3}, "languages": {"en": 5}}
        await caller.made.call("PUT", "/v1/desks/shop/agents/ola", ola)
        online = {"state": "online", "ttl_s": 3600}
        await caller.made.call("PUT", "/v1/desks/shop/agents/ola/presence", online)
        reader = Reader(caller)
        for block in BLOCK.findall(page):
            await reader.type(block)
        told = reader.told
        assert "proto.v1.AgentSession" in told["list"]
        assert told["grpc.health.v1.Health/Check"] == [{"status": "SERVING"}]
        good, bad = told["proto.v1.Intake/SubmitStream"]
        assert (good["external_id"], bad["external_id"]) == ("m-2", "m-3")
        assert ("refused" in good, "refused" in bad) == (False, True)
        answers = [one["answer"] for one in told["proto.v1.AgentSession/Connect"] if "answer" in one]
        assert [answer["key"] for answer in answers] == ["a-1", "r-1", "z-1"]
        assert not any("refused" in answer for answer in answers), answers
        [shown] = told["proto.v1.Conversations/Get"]
        assert (shown["state"], shown["messages"][-1]["text"]) == ("resolved", "It comes on Thursday.")
        assert told["proto.v1.Conversations/Explain"][0]["chosen"] == "ola"
        assert len(told["proto.v1.Conversations/List"][0]["items"]) == 2
        assert "snapshot" in told["proto.v1.Desk/Watch"][0]
        assert told["proto.v1.Conversations/Watch"][0]["what"] == ["snapshot"]
        assert told["proto.v1.Desk/Put"][0]["version"] == "1"
        called = {verb for verb in told if verb.startswith("proto.v1.")}
        assert called == {path.removeprefix("/") for path in caller.made.app.rpc.calls()}


async def test_a_refusal_is_printed_with_its_details() -> None:
    """The tool prints code, message and details of a refused call, and exits as grpcurl does."""
    async with calling() as caller:
        await caller.made.desk()
        out = io.StringIO()
        words = ["-plaintext", "-H", f"authorization: Bearer {ADMIN}", "-d", json.dumps({"desk": "rowery"})]
        words += [caller.target, "proto.v1.Intake/Submit"]
        assert await asyncio.to_thread(grpcurl.main, words, out) == grpcurl.EXIT_BASE + 3
        assert "Code: INVALID_ARGUMENT" in out.getvalue()
        assert '"field": "from.address"' in out.getvalue()
        assert await asyncio.to_thread(grpcurl.main, [*words[:-1], "proto.v1.Intake/Nothing"], out) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-d", "{bad", "proto.v1.Intake/Submit"], "ERROR: -d is not JSON: "),
        (["-d", '{"nothing": 1}', "proto.v1.Intake/Submit"], "ERROR: -d is no proto.v1."),
        (["proto.v1.Intake/Nothing"], "ERROR: proto.v1.Intake has no method 'Nothing'; it has PutOrder, "),
        (["proto.v1.Nothing/Submit"], "ERROR: there is no service 'proto.v1.Nothing'; there are "),
        (["list", "proto.v1.Nothing"], "ERROR: there is no service 'proto.v1.Nothing'; there are "),
        (["describe", "proto.v1.Nothing"], "ERROR: there is no service and no message 'proto.v1.Nothing'"),
        (["lst"], "ERROR: 'lst' must be list, describe or SERVICE/METHOD"),
    ],
)
async def test_mistakes_are_told_plainly(words: list[str], told: str) -> None:
    """A call that there is not, or JSON that is none, gives exit code 1 and says what would be right."""
    out = io.StringIO()
    async with calling() as caller:
        place = len(words) - (2 if words[0] in ("list", "describe") else 1)
        words = ["-plaintext", *words[:place], caller.target, *words[place:]]
        assert await asyncio.to_thread(grpcurl.main, words, out) == 1
    assert out.getvalue().startswith(told)
