"""The HTTP edge: keys, problems, idempotency, pages, what is said before and after an erasure."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.router.skipping import CLOSED_OFFERS_MS
from services.runtime.clock import SystemClock
from tests.edges.installation import DESK, HEADERS, Installation, installation

MESSAGES = "/v1/desks/rowery/messages"


async def first_offer(made: Installation) -> dict[str, Any]:
    """A message's conversation once it is offered."""
    ids = await made.message()

    async def read() -> dict[str, Any]:
        return await made.only_conversation(ids["record_id"])

    found: dict[str, Any] = await made.until(read, lambda doc: doc["state"] == "offered")
    return found


async def test_the_same_message_again_gets_the_same_answer() -> None:
    """Ids follow from what is sent; the second time nothing more happens."""
    async with installation() as made:
        await made.desk()
        again = await made.message()
        assert await made.message() == again
        doc = await made.only_conversation(again["record_id"])
        assert [m["id"] for m in doc["messages"]] == [again["message_id"]]


async def test_fifty_accepts_of_one_offer_have_one_winner() -> None:
    """One accept gets 200; the others get 409 that says who has it, whatever their keys."""
    async with installation() as made:
        await made.desk("ola")
        doc = await first_offer(made)
        path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}/accept"
        asked = [made.call("POST", path, {"agent": "ola"}, Idempotency_Key=f"k{i}") for i in range(50)]
        answers = await asyncio.gather(*asked)
        assert Counter(a.status_code for a in answers) == {200: 1, 409: 49}
        assert {a.json()["owner"] for a in answers} == {"ola"}
        assert {a.json().get("why") for a in answers} == {None, "already_accepted"}


class Later(SystemClock):
    """The system's clock, put forward."""

    forward_ms = 0

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return super().now_ms() + self.forward_ms


async def test_an_offer_of_long_ago_says_what_happened() -> None:
    """An offer that the engine has forgotten is still answered 409 with why; 404 if there never was one."""
    clock = Later()
    async with installation(clock=clock) as made:
        await made.desk("ola")
        offers = "/v1/desks/rowery/offers"
        first = (await first_offer(made))["offer"]["offer_id"]
        done = await made.call("POST", f"{offers}/{first}/decline", {"agent": "ola"})
        assert done.status_code == 200, done.text
        clock.forward_ms = CLOSED_OFFERS_MS + 1_000
        closed = made.app.loops["routing"].state.data.closed
        ids = await made.message("m2", **{"from": {"address": "ewa@example.pl"}})

        async def second() -> list[dict[str, Any]]:
            listed = await made.call("GET", f"/v1/desks/rowery/conversations?after={ids['record_id']}")
            return [one for one in listed.json()["items"] if one["offer"]]

        [other] = await made.until(second, bool)
        path = f"{offers}/{other['offer']['offer_id']}"
        assert (await made.call("POST", f"{path}/decline", {"agent": "ola"})).status_code == 200
        assert first not in closed
        late = await made.call("POST", f"{offers}/{first}/accept", {"agent": "ola"})
        assert (late.status_code, late.json()["why"], late.json()["owner"]) == (409, "declined", None)
        assert (await made.call("POST", f"{offers}/o9/accept", {"agent": "ola"})).status_code == 404


async def test_one_key_stands_for_one_body() -> None:
    """The same Idempotency-Key with another body is a 422 that names the header."""
    async with installation() as made:
        await made.desk("ola")
        doc = await first_offer(made)
        path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}"
        first = await made.call("POST", f"{path}/accept", {"agent": "ola"}, Idempotency_Key="k")
        assert first.status_code == 200
        other = await made.call("POST", f"{path}/decline", {"agent": "ola"}, Idempotency_Key="k")
        assert other.status_code == 422
        assert other.json()["errors"][0]["rule"].startswith("the header Idempotency-Key")


async def test_scopes() -> None:
    """Without a key 401; a key may only what its scope, its desk and its agent allow."""
    async with installation() as made:
        await made.desk("ola", "jan")
        keys = {}
        for scope in ("admin", "agent", "integration", "read"):
            body = {"scope": scope, **({"agent": "ola"} if scope == "agent" else {})}
            done = await made.call("POST", "/v1/desks/rowery/keys", body)
            assert done.status_code == 201, done.text
            keys[scope] = done.json()
        assert (await made.client.post(MESSAGES, json={})).status_code == 401

        async def status(scope: str, method: str, path: str, body: Any = None) -> int:
            told = {"Authorization": f"Bearer {keys[scope]['key']}"}
            return (await made.client.request(method, path, json=body, headers=told)).status_code

        assert await status("read", "POST", MESSAGES, {}) == 403
        assert await status("integration", "POST", MESSAGES, {}) == 422
        assert await status("read", "GET", "/v1/desks/rowery/conversations") == 200
        assert await status("admin", "GET", "/v1/desks/other/conversations") == 403
        assert await status("agent", "POST", "/v1/desks/rowery/offers/o1/accept", {"agent": "jan"}) == 403
        assert await status("agent", "POST", "/v1/desks/rowery/offers/o1/accept", {}) == 404
        assert await status("integration", "DELETE", "/v1/desks/rowery/customers/u1") == 403
        gone = await made.call("DELETE", f"/v1/desks/rowery/keys/{keys['read']['id']}")
        assert gone.status_code == 204
        assert await status("read", "GET", "/v1/desks/rowery/conversations") == 401


async def test_every_problem_is_named_at_once() -> None:
    """A bad body gets problem details with a pointer and a rule for each wrong field."""
    async with installation() as made:
        await made.desk()
        done = await made.call("POST", MESSAGES, {"channel": 5, "from": {"address": "a\n"}, "x": 1})
        assert done.status_code == 422
        assert done.headers["content-type"] == "application/problem+json"
        pointers = {error["pointer"] for error in done.json()["errors"]}
        assert {"/channel", "/account", "/external_id", "/from/address", "/x"} <= pointers
        desk = await made.call("PUT", "/v1/desks/rowery", {**DESK, "skills": 5, "nonsense": 1})
        assert desk.status_code == 422
        assert {"/skills", "/nonsense"} <= {error["pointer"] for error in desk.json()["errors"]}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", MESSAGES, 405),
        ("PATCH", "/v1/desks/rowery/disruptions/x", 404),
        ("GET", "/v1/desks/rowery/conversations/%ff", 400),
        ("GET", "/v1/desks/rowery/conversations/%00", 404),
        ("GET", "/v1/desks/rowery/conversations?cursor=%00nonsense", 422),
        ("GET", "/v1/desks/rowery/conversations?cursor=W10", 422),
        ("GET", "/v1/desks/rowery/conversations?limit=99999999999999999999999", 422),
        ("GET", "/v1/desks/rowery/conversations?state=nonsense", 422),
        ("GET", "/v1/desks/nowhere/queues", 404),
        ("PUT", "/v1/desks/Not%20One", 422),
        ("GET", "/v1/desks/rowery/wait?skills=%3A%3A", 422),
        ("GET", "/v1/desks/rowery/wait?channel=nonsense", 422),
        ("GET", "/v1/desks/rowery/wait?skills=nonsense", 422),
    ],
)
async def test_problems_everywhere(method: str, path: str, status: int) -> None:
    """Unknown paths, wrong methods, broken ids and cursors get problem details, never a 5xx."""
    async with installation() as made:
        await made.desk()
        done = await made.call(method, path)
        assert done.status_code == status, done.text
        assert done.headers["content-type"] == "application/problem+json"
        assert done.json()["status"] == status


async def test_what_is_not_there_says_what_is() -> None:
    """An unknown path names where all are listed, a wrong method those that the path takes."""
    async with installation() as made:
        await made.desk()
        assert "/openapi.json" in (await made.call("GET", "/v1/desks/rowery/")).json()["detail"]
        assert "GET, HEAD, PUT" in (await made.call("POST", "/v1/desks/rowery")).json()["detail"]


@pytest.mark.parametrize("path", [MESSAGES, "/v1/desks/rowery/orders"])
async def test_a_compressed_body_is_refused_as_such(path: str) -> None:
    """415 with what would be right, by each door; a body that says it is as it is goes on."""
    async with installation() as made:
        await made.desk()
        body = gzip.compress(b"{}")
        done = await made.client.post(path, content=body, headers={**HEADERS, "Content-Encoding": "gzip"})
        assert (done.status_code, done.headers["accept-encoding"]) == (415, "identity")
        assert "gzip" in done.json()["detail"]
        plain = await made.client.post(
            path, content=b"{}", headers={**HEADERS, "Content-Encoding": "identity"}
        )
        assert plain.status_code == 422


async def test_a_query_that_is_not_understood_is_not_passed_over() -> None:
    """A read with a parameter that its route does not have is refused, and told which ones it has; one that
    takes none says so; so is one that is given twice; pages and probes do not mind."""
    async with installation() as made:
        await made.desk("ola")
        desk = "/v1/desks/rowery"
        refused = await made.client.get(f"{desk}/notices?sate=sent&limit=5", headers=HEADERS)
        assert refused.status_code == 422
        assert refused.json()["errors"] == [
            {
                "pointer": "/query/sate",
                "rule": "is unknown here; known: order_id, customer, state, cursor, limit, after",
            }
        ]
        refused = await made.client.get("/v1/desks?limit=5", headers=HEADERS)
        assert refused.json()["errors"] == [
            {"pointer": "/query/limit", "rule": "is unknown: this takes none"}
        ]
        twice = await made.client.get(f"{desk}/notices?state=sent&state=held", headers=HEADERS)
        assert twice.json()["errors"] == [{"pointer": "/query/state", "rule": "must be given once"}]
        assert (await made.client.get(f"{desk}/notices?limit=5", headers=HEADERS)).status_code == 200
        assert (await made.client.get("/livez?now=1")).status_code == 200


async def test_an_unknown_desk_is_never_an_empty_one() -> None:
    """Whatever is read of a desk, of one that there is not it is 404 and says so."""
    async with installation() as made:
        await made.desk()
        paths = (await made.call("GET", "/openapi.json")).json()["paths"]
        asked = [path for path, ways in paths.items() if "get" in ways and path.count("{") == 1]
        asked = [path for path in asked if path.startswith("/v1/desks/{desk}")]
        assert len(asked) >= 8
        for path in asked:
            done = await made.call("GET", path.format(desk="nodesk"))
            assert done.status_code == 404, path
            assert done.json()["detail"] == "There is no desk 'nodesk'.", path


async def test_the_idempotency_key_is_described_where_it_counts() -> None:
    """Each operation whose key is looked at has the header in /openapi.json, with bounds that are those in
    force, and no other has it."""
    async with installation() as made:
        await made.desk("ola")
        doc = await made.only_conversation((await made.message())["record_id"])
        offer, talk = "/v1/desks/{desk}/offers/{offer}/", "/v1/desks/{desk}/conversations/{conversation}/"
        said: dict[str, dict[str, Any]] = {
            offer + "accept": {},
            offer + "decline": {},
            talk + "replies": {"text": "a"},
            talk + "notes": {"text": "a"},
            talk + "resolve": {"reason": "a"},
            talk + "reopen": {"reason": "a"},
            talk + "transfer": {"to": {"skill": "dostawa"}},
            talk + "priority": {"priority": 1},
        }
        described: dict[str, Any] = {}
        for path, ways in (await made.call("GET", "/openapi.json")).json()["paths"].items():
            for way, operation in ways.items():
                for one in operation.get("parameters", []):
                    if one["name"] == "Idempotency-Key":
                        described[f"{way} {path}"] = one
        assert described.keys() == {f"post {path}" for path in said}
        bounds = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x21-\x7e]+$"}
        for number, (path, body) in enumerate(said.items()):
            parameter = described[f"post {path}"]
            assert (parameter["in"], parameter["required"]) == ("header", False)
            assert parameter["schema"] == bounds
            named = path.format(desk="rowery", offer="o", conversation=doc["id"])
            for key in ("k" * 201, "a b"):
                done = await made.call("POST", named, {"agent": "ola", **body}, Idempotency_Key=key)
                assert (done.status_code, done.json()["detail"]) == (422, "The Idempotency-Key is not one.")
            longest = str(number) + "~" * 199
            done = await made.call("POST", named, {"agent": "ola", **body}, Idempotency_Key=longest)
            assert done.status_code != 422, done.text


async def test_a_body_over_the_bound_is_refused() -> None:
    """More than the bound is a 413, told by its length or found out while reading."""
    async with installation() as made:
        await made.desk()
        big = b'"' + b"x" * 1_100_000 + b'"'
        assert (await made.client.post(MESSAGES, content=big, headers=HEADERS)).status_code == 413

        async def parts() -> Any:
            for _ in range(20):
                yield b"x" * 100_000

        assert (await made.client.post(MESSAGES, content=parts(), headers=HEADERS)).status_code == 413
        agent = "/v1/desks/rowery/agents/ola"
        assert (await made.client.put(agent, content=big, headers=HEADERS)).status_code == 413


async def test_an_agent_is_shown_as_it_was_stored() -> None:
    """Everything that the lead said of an agent stands in the answer, and in what is read later."""
    said = {
        "name": "Ola", "kind": "human", "skills": {"dostawa": 3}, "languages": {"pl": 5},
        "channels": ["chat"], "limits": {"chat": 2},
    }  # fmt: skip
    async with installation() as made:
        await made.desk()
        path = "/v1/desks/rowery/agents/ola"
        for shown in (await made.call("PUT", path, {**said, "capacity": 60}), await made.call("GET", path)):
            assert {key: shown.json()[key] for key in said} == said
            assert shown.json()["capacity"] == {"used": 0, "of": 60}
        headers = {**HEADERS, "Content-Type": "application/yaml"}
        written = await made.client.put(path, content=b"{name: Ola, skills: {dostawa: 4}}", headers=headers)
        assert (written.status_code, written.json()["skills"]) == (200, {"dostawa": 4}), "by YAML as a desk"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    "channel account external_id from text html subject attachments sent_at order_id attributes to agent "
    "reason promise_within priority last_message_seen customer value items shipment_id order_ids status "
    "estimated_at name kind skills capacity channels languages state ttl_s scope".split()
)
PATHS = [
    ("POST", MESSAGES),
    ("POST", "/v1/desks/rowery/orders"),
    ("POST", "/v1/desks/rowery/shipments"),
    ("PUT", "/v1/desks/rowery/agents/ola"),
    ("PUT", "/v1/desks/rowery/agents/ola/presence"),
    ("PUT", "/v1/desks/rowery"),
    ("POST", "/v1/desks/rowery/keys"),
    ("POST", "/v1/desks/rowery/offers/o1/accept"),
    ("POST", "/v1/desks/rowery/conversations/{c}/replies"),
    ("POST", "/v1/desks/rowery/conversations/{c}/transfer"),
    ("POST", "/v1/desks/rowery/conversations/{c}/resolve"),
    ("POST", "/v1/desks/rowery/conversations/{c}/priority"),
    ("POST", "/v1/desks/rowery/conversations/{c}/notes"),
    ("POST", "/v1/webhooks/rowery/telegram/x"),
]


async def test_no_body_whatsoever_is_a_server_error() -> None:
    """Whatever is sent anywhere, the answer is below 500, and the next good message goes through."""
    async with installation() as made:
        await made.desk("ola")
        doc = await first_offer(made)

        @given(
            where=st.sampled_from(PATHS),
            body=st.dictionaries(FIELDS, JSON, max_size=6) | JSON | st.binary(max_size=40),
            content_type=st.sampled_from(["application/json", "text/plain", "application/x-yaml", ""]),
        )
        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        async def attack(where: tuple[str, str], body: Any, content_type: str) -> None:
            path = where[1].format(c=doc["id"])
            told = {**HEADERS, "content-type": content_type}
            if isinstance(body, bytes):
                done = await made.client.request(where[0], path, content=body, headers=told)
            else:
                content = _loose(body)
                done = await made.client.request(where[0], path, content=content, headers=told)
            assert done.status_code < 500, (where, body, done.text)

        await asyncio.to_thread(_run_in(asyncio.get_running_loop(), attack))
        await made.message("after")


def _loose(body: Any) -> bytes:
    """JSON with whatever Python lets through: NaN, lone surrogates, huge numbers."""
    return json.dumps(body).encode("utf-8", "surrogatepass")


def _run_in(loop: asyncio.AbstractEventLoop, test: Any) -> Any:
    """Run Hypothesis in a thread, and each example's coroutine on the loop where the App lives."""
    inner = test.hypothesis.inner_test

    def example(**drawn: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(**drawn), loop).result(10)

    test.hypothesis.inner_test = example
    return test
