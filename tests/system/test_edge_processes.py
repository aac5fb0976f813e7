"""The distributed mode as an operator runs it: Kafka, Redis, four engines and two edges, all as processes."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import httpx
import pytest

from bench.brokers import Cluster
from bench.redis_server import redis_server
from tests.edges.installation import DESK
from tests.s3 import ACCESS, S3Server
from tests.system.outside import MAILBOX
from tests.system.programs import installed, offered, until
from tests.system.providers import Mail, mail_server

pytestmark = pytest.mark.servers


async def test_desks_over_partitions_and_edges(tmp_path: Path, broker: Cluster) -> None:
    """Desks of different partitions live through any edge: a message of one is offered, shown and accepted
    at the other, once."""
    async with redis_server(tmp_path / "redis") as redis, installed(tmp_path, broker, redis.url) as edges:
        first, second = edges
        for name in ("alfa", "beta", "gamma"):
            desk = f"/v1/desks/{name}"
            assert (await until(first, "PUT", desk, json=DESK)).status_code == 200
            agent = {"name": "Ola", "skills": {"dostawa": 3}}
            assert (await until(second, "PUT", f"{desk}/agents/ola", json=agent)).status_code == 200
            online = {"state": "online", "ttl_s": 3600}
            assert (await until(first, "PUT", f"{desk}/agents/ola/presence", json=online)).status_code == 200
            message = {
                "channel": "chat",
                "account": "www",
                "external_id": "m1",
                "from": {"address": "jan@example.pl", "name": "Jan"},
                "text": "Gdzie jest moja paczka?",
            }
            taken = await until(second, "POST", f"{desk}/messages", json=message)
            assert taken.status_code == 202
            offer = await offered(first, desk, taken.json()["record_id"])
            path = f"{desk}/offers/{offer}/accept"
            answers = await asyncio.gather(*(accepted(edges[n % 2], path, f"key-{n}") for n in range(10)))
            assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
        listed = await until(second, "GET", "/v1/desks")
        assert {"alfa", "beta", "gamma"} <= {one["desk"] for one in listed.json()}


async def test_files_through_a_bucket(tmp_path: Path, broker: Cluster, s3: S3Server) -> None:
    """A mail with a long text and a file is taken at one edge and shown whole by the other; the file of an
    answer reaches the customer byte for byte. All of it lies sealed in the bucket, none of it in a folder."""
    folder, settings = (
        s3.bucket("system"),
        {
            "CENTRALA_BLOBS_ENDPOINT": s3.endpoint,
            "CENTRALA_BLOBS_BUCKET": "system",
            **ACCESS,
        },
    )
    text, file = "Gdzie jest moja paczka? " * 4_000, b"%PDF-1.7 faktura" * 8_000
    async with (
        redis_server(tmp_path / "redis") as redis,
        mail_server() as mail,
        installed(tmp_path, broker, redis.url, settings) as (first, second),
    ):
        desk = "/v1/desks/rowery"
        smtp = {"host": "127.0.0.1", "port": mail.port, "tls": "none"}
        channel = {"channel": "email", "account": MAILBOX, "units": 10, "smtp": smtp}
        assert (await until(first, "PUT", desk, json={**DESK, "channels": [channel]})).status_code == 200
        agent = {"name": "Ola", "skills": {"dostawa": 3}}
        assert (await until(first, "PUT", f"{desk}/agents/ola", json=agent)).status_code == 200
        online = {"state": "online", "ttl_s": 3600}
        assert (await until(first, "PUT", f"{desk}/agents/ola/presence", json=online)).status_code == 200
        attached = {"name": "f.pdf", "media_type": "application/pdf", "data": b64encode(file).decode()}
        message = {
            "channel": "email",
            "account": MAILBOX,
            "external_id": "<one@poczta.example>",
            "from": {"address": "jan@poczta.example", "name": "Jan"},
            "subject": "Paczka",
            "text": text,
            "attachments": [attached],
        }
        taken = await until(first, "POST", f"{desk}/messages", json=message)
        assert taken.status_code == 202, taken.text
        offer = await offered(second, desk, taken.json()["record_id"])
        won = await accepted(second, f"{desk}/offers/{offer}/accept", "key")
        path = f"{desk}/conversations/{won.json()['conversation_id']}"
        [shown] = (await until(second, "GET", path)).json()["messages"]
        assert shown["text"].strip() == text.strip()
        reply = {"agent": "ola", "text": "W załączniku.", "attachments": [attached]}
        assert (await until(second, "POST", f"{path}/replies", json=reply)).status_code == 202
        sent: Mail = await mail.next()
        assert [part.get_content() for part in sent.message.iter_attachments()] == [file]
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(kept) >= 3  # the text, the customer's file, the agent's
    assert not any(b"paczka" in blob or b"faktura" in blob for blob in kept)
    assert not (tmp_path / "blobs").exists()


async def accepted(client: httpx.AsyncClient, path: str, key: str) -> httpx.Response:
    """Accept an offer; what is not known in time is asked again with the same key."""
    return await until(client, "POST", path, json={"agent": "ola"}, headers={"Idempotency-Key": key})
