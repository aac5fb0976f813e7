"""The main job through HTTP: a message, an offer, an answer, the views, all with real engines."""

from __future__ import annotations

from typing import Any

from tests.edges.installation import installation


async def test_a_message_is_offered_accepted_answered_resolved() -> None:
    """A message comes in, is offered, accepted, answered and resolved; the view tells all."""
    async with installation() as made:
        await made.desk("ola")
        ids = await made.message()

        async def offered() -> dict[str, Any]:
            return await made.only_conversation(ids["record_id"])

        doc = await made.until(offered, lambda found: found["state"] == "offered")
        assert doc["customer"]["identities"] == [{"channel": "chat", "address": "jan@example.pl"}]
        assert doc["messages"][0]["text"] == "Gdzie jest moja paczka?"
        offer = doc["offer"]["offer_id"]
        accept = f"/v1/desks/rowery/offers/{offer}/accept"
        done = await made.call("POST", accept, {"agent": "ola"}, Idempotency_Key="k1")
        assert (done.status_code, done.json()) == (200, {"conversation_id": doc["id"], "owner": "ola"})
        again = await made.call("POST", accept, {"agent": "ola"}, Idempotency_Key="k1")
        assert again.json() == done.json()
        other = await made.call("POST", accept, {"agent": "ola"}, Idempotency_Key="k2")
        assert other.status_code == 409
        assert other.json()["owner"] == "ola"
        path = f"/v1/desks/rowery/conversations/{doc['id']}"
        reply = await made.call("POST", f"{path}/replies", {"agent": "ola", "text": "Już sprawdzam."})
        assert reply.status_code == 202, reply.text
        told = await made.call("POST", f"{path}/resolve", {"agent": "ola", "reason": "done"})
        assert told.status_code == 202, told.text
        whole = (await made.call("GET", f"{path}?after={reply.json()['record_id']}")).json()
        assert [m["direction"] for m in whole["messages"]] == ["in", "out"]
        assert whole["messages"][1]["text"] == "Już sprawdzam."
        assert whole["state"] == "resolved"
        assert [one["event"] for one in whole["events"]] == ["offered", "assigned", "resolved"]
        explained = (await made.call("GET", f"{path}/explain")).json()
        assert explained["chosen"] == "ola"
        assert explained["outcome"]["what"] == "accepted"
        assert explained["outcome"]["waited_s"] >= 0
        assert explained["outcome"]["at"] >= explained["at"]
