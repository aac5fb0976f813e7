"""What operators and admins see: quarantine, the webhook secret, erasure, why a conversation waits."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter

from proto.v1.conversations_pb2 import ConversationsEvent
from proto.v1.inbound_pb2 import QUARANTINE_REASON_MALFORMED
from services.ingest.channels import Address, ParsedMessage, Unparseable
from services.ingest.classify import Languages
from services.ingest.intake import Intake
from services.kernel.limits import CONTENT_BYTES_MAX
from services.runtime.documents import Answer, Asked, Conversation, Customer, Ownership
from services.runtime.edge import Edge
from services.runtime.projections import NO_OUTCOME
from tests.edges.installation import DESK, Installation, installation
from tools.invariants.outcomes import OUTCOMES

QUARANTINE = "/v1/desks/rowery/quarantine"


def intake(made: Installation) -> Intake:
    """The way in behind every door."""
    app = made.app
    return Intake(app.log, app.sealing, app.blobs, app.clock, Edge.of(app).directory, Languages())


async def key(made: Installation, scope: str) -> dict[str, str]:
    """Headers with a new key of the desk."""
    done = await made.call("POST", "/v1/desks/rowery/keys", {"scope": scope})
    return {"Authorization": f"Bearer {done.json()['key']}"}


def test_every_body_is_an_outcome_or_is_not() -> None:
    """Edges and the log check agree on which events of ingest are what became of a record."""
    bodies = {field.name for field in ConversationsEvent.DESCRIPTOR.oneofs_by_name["body"].fields}
    assert NO_OUTCOME | OUTCOMES | {"skipped"} == bodies
    assert not NO_OUTCOME & OUTCOMES


async def test_quarantine_is_shown_with_the_raw_record() -> None:
    """An admin sees reason, place and the record as it came, also where it is a blob; others do not."""
    async with installation() as made:
        await made.desk()
        door = intake(made)
        long = b"\xff" * (CONTENT_BYTES_MAX + 1)
        small = Unparseable(QUARANTINE_REASON_MALFORMED, "is no object", "/update", b'{"za\xc5\xbc":')
        big = Unparseable(QUARANTINE_REASON_MALFORMED, "is too deep", "", long)
        other = await door.submit_unparsed("rowery", "telegram", "bot", small, ["X-Update: 7"])
        names = await door.submit_unparsed("rowery", "telegram", "bot", big)
        listed = await made.call("GET", f"{QUARANTINE}?after={names.record_id}")
        shown = {one["id"]: one for one in listed.json()["items"]}
        first, second = shown[other.record_id], shown[names.record_id]
        assert (first["channel"], first["account"], first["reason"]) == ("telegram", "bot", "malformed")
        assert first["detail"] == "/update is no object"
        whole = (await made.call("GET", f"{QUARANTINE}/{first['id']}")).json()
        assert whole["raw"] == {"headers": ["X-Update: 7"], "body": '{"zaż":', "body_base64": None}
        blob = (await made.call("GET", f"{QUARANTINE}/{second['id']}")).json()["raw"]
        assert base64.b64decode(blob["body_base64"]) == long
        assert (await made.call("GET", f"{QUARANTINE}/nothing")).status_code == 404
        assert (await made.client.get(QUARANTINE, headers=await key(made, "read"))).status_code == 403
        day = made.app.sealing.day_identity("rowery", made.app.clock.now_ms())
        await made.app.sealing.erase("rowery", [day])
        assert (await made.call("GET", f"{QUARANTINE}/{first['id']}")).json()["raw"] is None


async def test_a_refused_message_is_quarantined_with_its_words() -> None:
    """A message that was understood and refused (here: of an account that is gone) shows its words."""
    async with installation() as made:
        await made.desk()
        jan = Address("chat", "jan@example.pl")
        sent = ParsedMessage("chat", "gone", "m", (jan,), text="Halo?")
        names = await intake(made).submit_message("rowery", sent)
        [shown] = (await made.call("GET", f"{QUARANTINE}?after={names.record_id}")).json()["items"]
        assert shown["reason"] == "unknown_account"
        whole = (await made.call("GET", f"{QUARANTINE}/{shown['id']}")).json()
        assert whole["raw"]["text"] == "Halo?"


async def test_the_webhook_secret_is_for_admins() -> None:
    """An admin's answer holds the derived secret in the form of Standard Webhooks; a reader's does not."""
    async with installation() as made:
        put = await made.call("PUT", "/v1/desks/rowery", DESK)
        secret = put.json()["webhook_secret"]
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
        assert (await made.call("GET", "/v1/desks/rowery")).json()["webhook_secret"] == secret
        for scope, shown in (("admin", True), ("read", False), ("integration", False)):
            done = await made.client.get("/v1/desks/rowery", headers=await key(made, scope))
            assert ("webhook_secret" in done.json()) == shown


async def test_a_customer_whom_the_views_forgot_is_erased() -> None:
    """The key store still knows the address of who has been silent for long; asking twice is the same."""
    async with installation() as made:
        await made.desk()
        doc = await made.only_conversation((await made.message())["record_id"])
        customer = doc["customer"]["id"]
        made.views.drop(Customer, customer)
        made.views.drop(Conversation, doc["id"])
        path = f"/v1/desks/rowery/customers/{customer}"
        assert (await made.call("GET", path)).status_code == 404
        for _ in range(2):
            done = await made.call("DELETE", path)
            assert (done.status_code, done.json()["customer"]) == (202, customer)
        assert (await made.call("GET", path)).json()["erasing"]
        assert (await made.call("DELETE", "/v1/desks/rowery/customers/u" + "0" * 32)).status_code == 404


async def test_a_conversation_that_waits_says_why() -> None:
    """Each rule names the agents whom it ruled out, and the sentence says it in both languages."""
    async with installation() as made:
        await made.desk("ola")
        off = {"state": "offline", "ttl_s": 60}
        assert (await made.call("PUT", "/v1/desks/rowery/agents/ola/presence", off)).status_code == 200
        ids = await made.message()
        doc = await made.only_conversation(ids["record_id"])
        told = (await made.call("GET", f"/v1/desks/rowery/conversations/{doc['id']}/explain")).json()
        assert (told["decision"], told["chosen"], told["considered"], told["best"]) == (None, None, 1, [])
        assert told["ruled_out"] == [{"rule": "not_online", "count": 1, "agents": ["ola"]}]
        assert set(told["wait"]) == {"p50_s", "p90_s"}
        assert told["sentence"]["pl"].startswith("Czeka")
        assert told["sentence"]["en"].startswith("Waits")


async def test_a_past_decision_is_told_as_it_was_made() -> None:
    """The decision that is named, or the last one, has the chosen agent and the scores."""
    async with installation() as made:
        await made.desk("ola", "jan")
        ids = await made.message()

        async def read() -> dict[str, str]:
            return await made.only_conversation(ids["record_id"])

        doc = await made.until(read, lambda one: one["state"] == "offered")
        path = f"/v1/desks/rowery/conversations/{doc['id']}/explain"
        told = (await made.call("GET", path)).json()
        assert (told["decision"], told["chosen"]) == (doc["offer"]["offer_id"], doc["offer"]["agent"])
        assert {one["agent"] for one in told["best"]} == {"ola", "jan"}
        assert (await made.call("GET", f"{path}?decision={told['decision']}")).json() == told
        assert (await made.call("GET", f"{path}?decision=other")).status_code == 404


async def test_one_key_two_bodies_at_once() -> None:
    """Of two requests in flight under one key but with other bodies one is decided, the other is a 422."""
    async with installation() as made:
        await made.desk("ola")
        ids = await made.message()

        async def read() -> dict[str, str]:
            return await made.only_conversation(ids["record_id"])

        doc = await made.until(read, lambda one: one["state"] == "offered")
        path = f"/v1/desks/rowery/offers/{doc['offer']['offer_id']}"
        asked = [
            made.call("POST", f"{path}/{what}", {"agent": "ola"}, Idempotency_Key="k")
            for what in ("accept", "decline", "accept")
        ]
        answers = await asyncio.gather(*asked)
        assert Counter(done.status_code for done in answers) in (
            Counter({200: 2, 422: 1}),
            Counter({200: 1, 422: 2}),
        )
        for done in answers:
            if done.status_code == 422:
                assert done.json()["errors"][0]["rule"].startswith("the header Idempotency-Key")


async def test_a_key_that_the_views_forgot() -> None:
    """After two days another body is still a 422, and the same body is told that its answer is gone."""
    async with installation() as made:
        await made.desk("ola")
        doc = await made.only_conversation((await made.message())["record_id"])
        path = f"/v1/desks/rowery/conversations/{doc['id']}/notes"
        first = await made.call("POST", path, {"agent": "ola", "text": "a"}, Idempotency_Key="k")
        assert first.status_code == 202
        made.views.drop(Asked, first.json()["record_id"])
        made.views.drop(Answer, first.json()["record_id"])
        other = await made.call("POST", path, {"agent": "ola", "text": "b"}, Idempotency_Key="k")
        assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "")
        same = await made.call("POST", path, {"agent": "ola", "text": "a"}, Idempotency_Key="k")
        assert (same.status_code, same.json()["why"]) == (409, "repeated")
        assert made.views.peek(Ownership, doc["id"]) is not None
