"""`/openapi.json` holds what it says: real answers and events have the fields that it names, no others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from services.ingest.schemas_desk import AgentIn, DeskIn
from services.kernel.desk import parse_agent, parse_desk
from services.kernel.errors import Invalid
from services.runtime.desk_file import load_document
from services.runtime.openapi import body_of
from tests.edges.installation import DESK, Installation, installation
from tests.edges.test_streams import Stream

URL = "/v1/desks/rowery"
EXAMPLE = Path(__file__).parents[2] / "docs" / "desk.example.yaml"
CONFIGURATION = {
    **DESK,
    "languages": ["pl"],
    "leads": ["ola"],
    "routing": {"shadow": {"policy": "longest_idle"}, "offer_expires": "5m"},
    "sla": [
        {
            "name": "normal",
            "first_response": "1s",
            "warn_at": 0.001,
            "escalate": [{"at": "warning", "do": "notify", "to": "lead"}],
        }
    ],
}
STREAMS = ("/v1/desks/{desk}/agents/{agent}/stream", "/v1/desks/{desk}/board/stream")
DESK_PATH = "/v1/desks/{desk}"
FILE = "/v1/desks/{desk}/conversations/{conversation}/messages/{message}/attachments/{blob}"
ELSEWHERE = {("get", path) for path in ("/livez", "/readyz", "/metrics", FILE, *STREAMS)}
UNKNOWN = "a-key-that-is-too-long-to-be-guessed-at"
WHOLE_DESK: dict[str, Any] = {
    "name": "Pottery",
    "channels": [
        {"channel": "chat", "account": "www"},
        {"channel": "email", "account": "a@b.example", "smtp": {"host": "smtp.b.example", "port": 587}},
    ],
    "skills": ["clay"],
    "leads": ["ola"],
    "hours": {"mon-fri": ["08:00-16:00"]},
    "holidays": {"country": "PL", "also": ["2031-12-24"]},
    "queues": [
        {"name": "vip", "when": {"attributes.tier": "vip"}, "relax": [{"after": "1h30m", "queue": "rest"}]},
        {"name": "rest", "prefers": {"clay": 3}},
    ],
    "routing": {
        "policy": {"like": "default"},
        "weights": [{"when": {"channel": ["chat"]}, "weight": 2.5}],
        "last_agent": {"worth": "5m"},
        "shadow": {"policy": "deadline"},
    },
    "sla": [
        {
            "name": "all",
            "first_response": {"chat": "1m", "default": "8h"},
            "escalate": [{"at": "breach", "do": "raise_priority", "to": 10}],
            "pause_while_waiting_for_customer": {"up_to": "7d"},
        }
    ],
    "bots": {"human_when": {"order_value_over": 99.5, "mood": ["angry"]}},
    "notices": {
        "at_most": {"per_day": 2},
        "delay": {"tell_after": "1h"},
        "first_answer": {"on": True},
        "survey": {"after": "2h", "at_most": {"per_month": 1}},
    },
    "webhooks": [{"url": "https://b.example/hook", "secret": "env:HOOK"}],
}


class Described:
    """A client that holds every answer against the description; `asked` are the operations it was told of."""

    def __init__(self, made: Installation, document: dict[str, Any]) -> None:
        self._made = made
        self._paths = document["paths"]
        self._components = {"schemas": closed(document["components"]["schemas"])}
        self.asked: set[tuple[str, str]] = set()

    def check(self, schema: dict[str, Any], found: Any) -> None:
        """Whether a value is exactly as a schema says."""
        whole = {**schema, "components": self._components}
        wrong = list(jsonschema_rs.validator_for(whole, validate_formats=True).iter_errors(found))
        assert [f"{'/'.join(map(str, one.instance_path))}: {one.message[:300]}" for one in wrong] == []

    async def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Ask the desk, or for a whole path, and check the answer."""
        path = path if path.startswith("/v1") else URL + path
        done = await self._made.call(method, path, body)
        assert done.status_code == status, done.text
        template, operation = self._operation(method, path.partition("?")[0])
        self.asked.add((method.lower(), template))
        said = operation["responses"].get(str(status), operation["responses"]["default"])
        media = done.headers.get("content-type", "")
        if "content" in said:
            self.check(said["content"][media]["schema"], done.json())
        return done.json() if done.content else None

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        for template, operations in self._paths.items():
            pattern = re.sub(r"{\w+}", "[^/]+", template)
            if re.fullmatch(pattern, path) and method.lower() in operations:
                return template, operations[method.lower()]
        raise AssertionError(f"{method} {path} is not described")

    def check_event(self, path: str, name: str, data: Any) -> None:
        """Whether an event's data is as the stream's description says."""
        self.asked.add(("get", path))
        content = self._paths[path]["get"]["responses"]["200"]["content"]["text/event-stream"]
        events = content["schema"]["contentSchema"]["$ref"].rpartition("/")[2]
        self.check(self._components["schemas"][events]["properties"][name], data)


def closed(schema: Any) -> Any:
    """The same without room for what it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return {**inner, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else inner


async def described(made: Installation) -> Described:
    """A client with the installation's own description."""
    answer: httpx.Response = await made.client.get("/openapi.json")
    return Described(made, answer.json())


async def staff(client: Described) -> None:
    """Desk, agents and keys."""
    await client.call("PUT", "", CONFIGURATION)
    await client.call("GET", "")
    await client.call("GET", "/v1/desks")
    for agent in ("ola", "ewa"):
        await client.call("PUT", f"/agents/{agent}", {"skills": {"dostawa": 3}, "languages": {"pl": 5}})
    await client.call("GET", "/agents")
    await client.call("PUT", "/agents/ola/presence", {"state": "online", "ttl_s": 600})
    await client.call("GET", "/agents/ola")
    key = await client.call("POST", "/keys", {"scope": "agent", "name": "x", "agent": "ola"}, 201)
    await client.call("GET", "/keys")
    await client.call("DELETE", f"/keys/{key['id']}", status=204)


async def writes(client: Described, text: str, **more: Any) -> dict[str, Any]:
    """A customer's message, and what is shown of its conversation."""
    body = {
        "channel": "chat",
        "account": "www",
        "external_id": text,
        "from": {"address": "jan"},
        "text": text,
    }
    body |= {"attributes": {"language": "pl", "tier": "vip"}, "order_id": "1001", **more}
    taken = await client.call("POST", "/messages", body, 202)
    page = await client.call("GET", f"/conversations?order_id=1001&after={taken['record_id']}")
    shown: dict[str, Any] = page["items"][0]
    return shown


async def parcel(client: Described) -> None:
    """An order whose parcel is late."""
    address = {"channel": "chat", "address": "jan"}
    order = {"order_id": "1001", "customer": {"addresses": [address]}, "promised_at": "2031-05-01T12:00:00Z"}
    await client.call("POST", "/orders", {**order, "items": [{"name": "Kask"}], "value": 12.5}, 202)
    late = {
        "shipment_id": "p1",
        "order_ids": ["1001"],
        "status": "delayed",
        "estimated_at": "2031-05-03T12:00:00Z",
    }
    await client.call("POST", "/shipments", {**late, "carrier": "InPost", "reason": "snow"}, 202)


async def worked(client: Described, agent: Stream) -> str:
    """A conversation through an agent's hands; its id."""
    file = {"name": "a.txt", "data": "aGVq"}
    one = await writes(client, "Gdzie paczka?", attachments=[file])
    _, _, offer = await agent.event("offer")
    await client.call("POST", f"/offers/{offer['offer_id']}/accept", {"agent": "ewa"}, 409)
    await client.call("POST", f"/offers/{offer['offer_id']}/accept", {"agent": "ola"})
    path = f"/conversations/{one['id']}"
    await client.call("GET", f"{path}/explain")
    await parcel(client)
    await client.call(
        "POST", f"{path}/replies", {"agent": "ola", "text": "Jutro.", "promise_within": "2h"}, 202
    )
    await client.call("POST", f"{path}/notes", {"agent": "ola", "text": "Czeka."}, 202)
    await client.call("POST", f"{path}/priority", {"agent": "ola", "priority": 9}, 202)
    whole = await client.call("GET", path)
    assert whole["delay"]["late_s"] == 2 * 86_400
    assert [message["direction"] for message in whole["messages"]] == ["in", "out", "note"]
    await client.call("GET", "/notices?order_id=1001")
    await client.call("POST", f"{path}/transfer", {"agent": "ola", "to": {"agent": "nobody"}}, 422)
    await client.call("POST", f"{path}/resolve", {"agent": "ola", "reason": "done"}, 202)
    await client.call("POST", f"{path}/reopen", {"agent": "ola"}, 202)
    _, _, again = await agent.event("offer")
    await client.call("POST", f"/offers/{again['offer_id']}/decline", {"agent": "ola"})
    waits = await client.call("GET", f"{path}/explain")
    assert (waits["decision"], waits["outcome"]["what"]) == (None, "waits")
    await client.call("POST", f"{path}/transfer", {"agent": "ola", "to": {"agent": "ola"}}, 202)
    return str(one["id"])


async def told(stream: Stream, wanted: Sequence[str]) -> list[tuple[str, Any]]:
    """The events of a stream until each wanted name was there."""
    found: list[tuple[str, Any]] = []
    while missing := set(wanted) - {name for name, _ in found}:
        name, _, data = await stream.event(*wanted)
        found.append((name, data))
    assert not missing
    return found


async def test_every_answer_is_as_described() -> None:
    """Each operation of the API answers, also in a refusal, exactly what its description names."""
    async with installation() as made:
        client = await described(made)
        await staff(client)
        agent = Stream(made, f"{URL}/agents/ola/stream")
        conversation = await worked(client, agent)
        await client.call("GET", "/queues")
        await client.call("GET", "/wait?channel=chat&skills=dostawa:2&language=pl")
        assert (await client.call("GET", "/shadow"))["on"]
        old = {"channel": "chat", "account": "www", "external_id": "old", "from": {"address": "old"}}
        old |= {"text": "x", "sent_at": "2020-01-01T00:00:00Z"}
        refused = await client.call("POST", "/messages", old, 202)
        page = await client.call("GET", f"/quarantine?after={refused['record_id']}")
        await client.call("GET", f"/quarantine/{page['items'][0]['id']}")
        customer = (await client.call("GET", f"/conversations/{conversation}"))["customer"]["id"]
        await client.call("GET", f"/customers/{customer}")
        await client.call("DELETE", f"/customers/{customer}", status=202)
        erased = await client.call("GET", f"/customers/{customer}")
        assert erased["erasing"]
        await client.call("GET", f"/conversations/{conversation}")
        await agent.close()
        document = (await made.client.get("/openapi.json")).json()
        every = {(method, path) for path, ways in document["paths"].items() for method in ways}
        assert every - client.asked == {one for one in every if one in ELSEWHERE or "webhooks" in one[1]}


async def test_every_read_may_wait_for_a_record() -> None:
    """Each read of a desk takes `after`, and refuses what is no record."""
    async with installation() as made:
        await made.desk("ola")
        document = (await made.client.get("/openapi.json")).json()
        whose = {
            "desk": "rowery",
            "agent": "ola",
            "conversation": "c0",
            "customer": "u0",
            "record": "r0",
            "blob": "0",
        }
        reads = [
            path for path, ways in document["paths"].items()
            if "get" in ways and path.startswith(DESK_PATH) and path not in (FILE, *STREAMS)
        ]  # fmt: skip
        assert len(reads) >= 14
        for path in reads:
            done = await made.call("GET", path.format(**whose) + "?after=nothing")
            assert (done.status_code, done.json()["errors"][0]["pointer"]) == (422, "/after"), path


async def test_every_event_is_as_described() -> None:
    """Each event of an agent's and of a board's stream says exactly what the description names."""
    async with installation() as made:
        client = await described(made)
        await staff(client)
        agent, board = Stream(made, f"{URL}/agents/ola/stream"), Stream(made, f"{URL}/board/stream")
        heard = Stream(made, f"{URL}/agents/ola/stream")
        await worked(client, heard)
        agents = "snapshot offer withdrawn assigned message closed escalated".split()
        for name, data in await told(agent, agents):
            client.check_event("/v1/desks/{desk}/agents/{agent}/stream", name, data)
        boards = "snapshot queued offered assigned resolved target notice agent".split()
        for name, data in await told(board, boards):
            client.check_event("/v1/desks/{desk}/board/stream", name, data)
        full = Stream(made, f"{URL}/board/stream")
        for name, data in await told(full, ["snapshot"]):
            client.check_event("/v1/desks/{desk}/board/stream", name, data)
        for stream in (agent, board, heard, full):
            await stream.close()


def refused_keys(document: Any) -> list[set[str]]:
    """The keys that are known where a document has an unknown one, for each such place."""
    with pytest.raises(Invalid) as refused:
        parse_desk(document)
    rules = [one.rule for one in refused.value.problems if "no such key" in one.rule]
    return [set(re.findall(r'"(\w+)"', rule.partition("known are")[2])) for rule in rules]


def inside(schema: dict[str, Any], document: Any) -> Iterator[tuple[set[str], dict[str, Any]]]:
    """Every map with named keys in a document: the keys that the schema names, and the map itself."""
    schema = next((one for one in schema.get("anyOf", ()) if "properties" in one or "items" in one), schema)
    if isinstance(document, list):
        for one in document:
            yield from inside(schema["items"], one)
    elif "properties" in schema:
        yield set(schema["properties"]), document
        for key, one in document.items():
            yield from inside(schema["properties"][key], one)


def test_a_desk_is_described_as_it_is_read() -> None:
    """In each of its maps the description of a configuration names the keys that the reader knows."""
    [schema] = [one["schema"] for one in body_of(DeskIn)["requestBody"]["content"].values()]
    for document in (WHOLE_DESK, load_document(EXAMPLE.read_bytes(), "application/yaml")):
        parse_desk(document)
        assert [one.message for one in jsonschema_rs.validator_for(schema).iter_errors(document)] == []
    places = list(inside(schema, WHOLE_DESK))
    assert len(places) == 24
    for named, place in places:
        place[UNKNOWN] = 1
        assert refused_keys(WHOLE_DESK) == [named]
        del place[UNKNOWN]


def test_an_agent_is_described_as_it_is_read() -> None:
    """The description of an agent names the keys that the reader knows."""
    with pytest.raises(Invalid) as refused:
        parse_agent("ola", {UNKNOWN: 1}, parse_desk(WHOLE_DESK).desk)
    [problem] = refused.value.problems
    assert set(re.findall(r'"(\w+)"', problem.rule)) == set(AgentIn.model_fields)
