"""Files of messages, read by those who may."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.edges.installation import DESK, Installation, installation

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
HOME = "/v1/desks/rowery"


async def written(made: Installation, **file: Any) -> tuple[dict[str, Any], str]:
    """A conversation that begins with a file, and the file's path."""
    await made.desk("ola")
    one = {"name": "paczka.png", "media_type": "image/png", **file, "data": base64.b64encode(PNG).decode()}
    doc = await made.only_conversation((await made.message(attachments=[one]))["record_id"])
    [message] = doc["messages"]
    [shown] = message["attachments"]
    path = f"{HOME}/conversations/{doc['id']}/messages/{message['id']}/attachments/{shown['blob']}"
    return doc, path


@pytest.mark.parametrize(
    ("file", "kind", "name"),
    [
        ({}, "image/png", "paczka.png"),
        ({"media_type": "text/html; x=y"}, "application/octet-stream", "paczka.png"),
        ({"name": '../ż";x.svg'}, "image/png", "..%2F%C5%BC%22%3Bx.svg"),
    ],
)
async def test_a_file_is_read_as_it_came(file: dict[str, str], kind: str, name: str) -> None:
    """The bytes, to be kept and not shown: whoever sent it chose its name and its type."""
    async with installation() as made:
        _, path = await written(made, **file)
        answer = await made.call("GET", path)
        assert (answer.status_code, answer.content) == (200, PNG)
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_a_file_is_its_message_s_alone() -> None:
    """Another message, conversation, desk or blob has it not, nor anybody once the customer is erased."""
    async with installation() as made:
        doc, path = await written(made)
        head = path.rpartition("/")[0]
        made_desk = await made.call("PUT", "/v1/desks/inny", {**DESK, "name": "Inny"})
        assert made_desk.status_code == 200, made_desk.text
        for wrong in (
            f"{head}/{'0' * 64}",
            f"{head}/nothing",
            path.replace(doc["messages"][0]["id"], f"m{'0' * 32}"),
            path.replace(doc["id"], f"c{'0' * 32}"),
            path.replace("rowery", "inny"),
        ):
            assert (await made.call("GET", wrong)).status_code == 404, wrong
        key = (await made.call("POST", "/v1/desks/inny/keys", {"scope": "read"})).json()["key"]
        stranger = await made.client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert stranger.status_code == 403
        erased = await made.call("DELETE", f"{HOME}/customers/{doc['customer']['id']}")
        assert erased.status_code == 202
        assert (await made.call("GET", path)).status_code == 404
