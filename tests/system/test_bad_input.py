"""Whatever is sent: a plain answer, never a 5xx, a stop or a hang, and the next good one goes through."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.system import shapes
from tests.system.outside import ADMIN, HOME, NEWEST, chat_message
from tests.system.world import start_embedded

pytestmark = pytest.mark.servers

STREAMS = r"/stream$"
EXAMPLES = 15
"""For each operation."""
HEADERS = {"Authorization": f"Bearer {ADMIN}"}


class Served(NamedTuple):
    """A world in a thread: where it is, and ids that it knows."""

    url: str
    known: dict[str, str]


@contextmanager
def served(data: Path) -> Iterator[Served]:
    """A world in a thread of its own, with a desk, an agent, an owned and an offered conversation."""
    begun: list[Served | BaseException] = []
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        loops.append(asyncio.get_running_loop())
        async with start_embedded(data) as world:
            await world.desk()
            ola = await world.agent("ola")
            await world.message("m1")
            owned = await ola.offer()
            await world.accept("ola", owned)
            await world.message("m2", sender={"address": "ewa@example.pl"})
            offer = await ola.expect("offer", lambda told: told["offer_id"] != owned["offer_id"])
            doc = await world.conversation(owned["conversation_id"])
            key = await world.must("POST", "keys", {"scope": "read", "name": "r"})
            known = {
                "desk": "rowery",
                "agent": "ola",
                "conversation": doc["id"],
                "offer": offer["offer_id"],
                "customer": doc["customer"]["id"],
                "key": key["id"],
                "channel": "telegram",
                "account": "www",
            }
            begun.append(Served(world.embedded.url, known))
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            begun.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="world")
    thread.start()
    try:
        assert ready.wait(60)
        assert isinstance(begun[0], Served), begun[0]
        yield begun[0]
    finally:
        if not loops[0].is_closed():
            loops[0].call_soon_threadsafe(over.set)
        thread.join()
    assert len(begun) == 1, begun[1:]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One world for all examples."""
    with served(tmp_path_factory.mktemp("bad")) as found:
        yield found


def test_nothing_that_openapi_allows_or_forbids_is_a_server_error(place: Served) -> None:
    """For every operation of the OpenAPI document, generated requests (right ones and wrong ones) get no
    5xx, and a refusal says what is wrong by problem details."""
    schema = schemathesis.openapi.from_url(f"{place.url}/openapi.json").exclude(path_regex=STREAMS)
    failures: list[str] = []
    operations: list[Any] = [cast(Any, found).ok() for found in schema.get_all_operations()]
    operations.sort(key=lambda operation: operation.label.startswith("DELETE"))
    assert len(operations) >= 30
    for operation in operations:
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

        @given(case=cases)
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        def attack(case: Any) -> None:
            at_known_ids(case, place.known)
            answer = case.call(headers=HEADERS, timeout=15)
            assert answer.status_code < 500, f"{answer.status_code} {answer.text}"
            if answer.status_code >= 400:
                shapes.fits(shapes.Problem, answer.json())

        try:
            attack()
        except Exception as error:
            failures.append(f"{operation.label}: {error!r} {getattr(error, '__notes__', '')}")
    assert not failures, "\n\n".join(failures)


def at_known_ids(case: Any, known: dict[str, str]) -> None:
    """Most requests are about what is there: others end at the door."""
    for name, value in dict(case.path_parameters or {}).items():
        if zlib.crc32(str(value).encode("utf-8", "replace")) % 4:
            case.path_parameters[name] = known.get(name, value)
    if isinstance(case.body, dict) and zlib.crc32(repr(case.body).encode("utf-8", "replace")) % 4:
        own = {"agent": known["agent"], "channel": "chat", "account": known["account"]}
        case.body.update({name: value for name, value in own.items() if name in case.body})


def test_the_next_good_message_goes_through(place: Served) -> None:
    """After all that the pipeline stands: a good message gets its 202 and is shown."""
    with httpx.Client(base_url=place.url, headers=HEADERS, timeout=15) as client:
        sent = client.post(f"{HOME}/messages", json=chat_message("after-all"))
        assert sent.status_code == 202, sent.text
        listed = client.get(f"{HOME}/conversations", params={"after": NEWEST}).json()
        assert sent.json()["message_id"] in {one["last_message_id"] for one in listed["items"]}
