"""What every view store does alike: memory, SQLite, Redis, and a cluster of Redis."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.redis_server import RedisServer
from services.kernel.errors import Busy
from services.runtime.clock import SystemClock
from services.runtime.documents import Conversation, Message, Ownership
from services.runtime.event_log import TopicPartition
from services.runtime.redis_link import RedisLink
from services.runtime.views import Changes, MemoryStore, Place, Position, Views
from services.runtime.views_far import FarViews
from services.runtime.views_redis import RedisStore
from services.runtime.views_sqlite import SqliteStore

Make = Callable[[], Views]
REDIS = [
    pytest.param("redis", marks=pytest.mark.servers),
    pytest.param("cluster", marks=pytest.mark.servers),
]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all of these tests."""
    yield from _served(RedisServer(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The same as a cluster, which takes two seconds to find itself."""
    yield from _served(RedisServer(tmp_path_factory.mktemp("cluster"), cluster=True))


def _served(server: RedisServer) -> Iterator[RedisServer]:
    with ThreadPoolExecutor(1) as thread:  # a test's own loop may be running here
        thread.submit(lambda: asyncio.run(server.start())).result()
    yield server
    server.kill()


@pytest.fixture(params=["memory", "sqlite", *REDIS])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Views over the same store, again and again."""
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: Views(memory)
    elif request.param == "sqlite":
        yield lambda: Views(SqliteStore(tmp_path / "views.db"))
    else:
        server = request.getfixturevalue(request.param)
        await server.flush()
        link = RedisLink(server.url, SystemClock(), within_s=5)
        yield lambda: FarViews(RedisStore(link, "routing", 0))
        await link.close()


async def opened(make: Make) -> Views:
    """The views, ready."""
    views = make()
    await views.open()
    return views


def owned(number: int, state: str = "waiting") -> Ownership:
    """A conversation's ownership."""
    return Ownership(f"c{number}", "shop", number, state, queue="q")


async def test_what_was_flushed_is_there_after_opening_again(make: Make) -> None:
    """Documents, terms and positions survive closing and opening."""
    views = await opened(make)
    views.put(owned(1))
    views.advance("routing", 0, Position(7, 2, 5))
    await views.close()
    again = await opened(make)
    assert await again.get(Ownership, "c1") == owned(1)
    assert again.position("routing", 0) == Position(7, 2, 5)
    assert await again.count(Ownership, "state/shop/waiting") == 1
    await again.close()


async def test_what_was_not_flushed_goes_together_with_its_position(make: Make) -> None:
    """A crash loses changes and the position that covers them together."""
    views = await opened(make)
    views.put(owned(1))
    views.advance("routing", 0, Position(1, 1, 1))
    await views.flush()
    views.put(owned(2))
    views.advance("routing", 0, Position(2, 1, 2))
    crashed = await opened(make)
    assert await crashed.many(Ownership, ["c2", "c1"]) == [None, owned(1)]
    assert crashed.position("routing", 0) == Position(1, 1, 1)
    await crashed.close()


async def test_a_changed_term_moves_the_document(make: Make) -> None:
    """A document is found by the terms it has now and by no others."""
    views = await opened(make)
    views.put(owned(1))
    await views.flush()
    doc = views.edit(Ownership, "c1")
    assert doc is not None
    doc.state, doc.owner = "owned", "ola"
    assert await views.count(Ownership, "state/shop/waiting") == 0
    found = await views.find(Ownership, "agent/shop/ola", 10)
    assert [one.id for _, one in found] == ["c1"]
    views.drop(Ownership, "c1")
    assert await views.find(Ownership, "agent/shop/ola", 10) == []
    assert await views.get(Ownership, "c1") is None
    await views.close()


async def test_pages_go_on_behind_the_last_place(make: Make) -> None:
    """Newest first or oldest first, a page begins right behind where the last one ended."""
    views = await opened(make)
    for number in range(10):
        views.put(owned(number))
    first = await views.find(Ownership, "state/shop/waiting", 4)
    second = await views.find(Ownership, "state/shop/waiting", 4, first[-1][0])
    assert [doc.first_ms for _, doc in (*first, *second)] == [9, 8, 7, 6, 5, 4, 3, 2]
    oldest = await views.find(Ownership, "state/shop/waiting", 3, Place(4, "c4"), newest=False)
    assert [doc.first_ms for _, doc in oldest] == [5, 6, 7]
    await views.close()


async def test_unflushed_and_flushed_are_read_alike_by_prefix(make: Make) -> None:
    """A scan sees what lies in memory only, and not what was dropped."""
    views = await opened(make)
    for name in ("a", "b"):
        views.put(Message("c1", name, "in", "chat", "", 1, b""))
    await views.flush()
    views.put(Message("c1", "c", "in", "chat", "", 1, b""))
    views.put(Message("c2", "d", "in", "chat", "", 1, b""))
    views.drop(Message, "c1/a")
    assert [doc.id for doc in await views.scan(Message, "c1/")] == ["b", "c"]
    views.drop_prefix(Message, "c1/")
    assert await views.scan(Message, "c1/") == []
    await views.flush()
    again = await opened(make)
    assert [doc.id for doc in await again.scan(Message, "c2/")] == ["d"]
    assert await again.scan(Message, "c1/") == []
    await views.close()


class Failing(MemoryStore):
    """A store whose next writes fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fail = False

    async def write(self, changes: Changes) -> None:
        """Fail if told so."""
        if self.fail:
            raise OSError("disk full")
        await super().write(changes)


async def test_a_failed_write_loses_nothing() -> None:
    """What a failing store did not take is written the next time, drops and positions included."""
    store = Failing()
    views = await opened(lambda: Views(store))
    views.put(owned(1))
    await views.flush()
    store.fail = True
    views.put(owned(2))
    views.drop(Ownership, "c1")
    views.advance("routing", 0, Position(3, 1, 3))
    with pytest.raises(OSError, match="disk full"):
        await views.flush()
    store.fail = False
    await views.flush()
    again = await opened(lambda: Views(store))
    assert again.peek(Ownership, "c1") is None
    assert again.peek(Ownership, "c2") == owned(2)
    assert (await store.open())[TopicPartition("routing", 0)] == Position(3, 1, 3)


async def test_a_flush_is_in_the_file_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where one change of many cannot be written none is, and the next flush is not held up by it."""
    store = SqliteStore(tmp_path / "views.db")
    await store.open()
    kind = Ownership.KIND
    broken: Any = object()
    with pytest.raises(TypeError):
        await store.write(Changes(puts={kind: [("c1", b"one")]}, terms_added=[("term", 1, broken)]))
    assert store.load(kind, "c1") is None
    await store.write(Changes(puts={kind: [("c2", b"two")]}))
    assert (store.load(kind, "c1"), store.load(kind, "c2")) == (None, b"two")
    await store.close()


async def test_a_disk_that_takes_no_more_is_busy_and_no_close_fails_by_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no file may grow a flush is Busy, and goes well with room again; a close says so and ends, and
    what was not written lies behind the positions, so that it is read again from the logs."""
    views = Views(SqliteStore(tmp_path / "views.db"))
    await views.open()
    views.put(owned(1))
    views.advance("routing", 0, Position(3, 1, 3))
    with no_file_grows(), pytest.raises(Busy, match="views cannot be written now"):
        await views.flush()
    await views.flush()
    views.put(owned(2))
    views.advance("routing", 0, Position(5, 1, 5))
    with no_file_grows():
        await views.close()
    assert "closed without their last changes" in caplog.text
    again = await opened(lambda: Views(SqliteStore(tmp_path / "views.db")))
    assert (again.peek(Ownership, "c1"), again.peek(Ownership, "c2")) == (owned(1), None)
    assert again.position("routing", 0) == Position(3, 1, 3)
    await again.close()


@contextmanager
def no_file_grows() -> Iterator[None]:
    """This process may write nothing to any file meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_file_that_is_no_database_is_made_anew(tmp_path: Path) -> None:
    """Views can be rebuilt, so a damaged file is thrown away and the positions begin at zero."""
    path = tmp_path / "views.db"
    path.write_bytes(b"this is no database at all" * 500)
    views = Views(SqliteStore(path))
    await views.open()
    assert views.position("routing", 0) == Position(0, 0, 0)
    views.put(owned(1))
    await views.close()


async def test_a_file_of_another_version_is_made_anew(tmp_path: Path) -> None:
    """A file of another layout is never read by this one."""
    path = tmp_path / "views.db"
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE positions (x); PRAGMA user_version=99")
    other.close()
    views = Views(SqliteStore(path))
    await views.open()
    assert views.position("routing", 0) == Position(0, 0, 0)
    await views.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "own", "drop", "flush"]), st.integers(0, 5), st.sampled_from(["ola", "jan"])
    ),
    max_size=40,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_history_reads_like_a_dictionary(make: Make, steps: list[tuple[str, int, str]]) -> None:
    """Whatever is put, changed, dropped and flushed, reads equal those of a plain dictionary."""
    views = await opened(make)
    names = [f"c{number}" for number in range(6)]
    await views.many(Ownership, names)
    for name in names:
        views.drop(Ownership, name)
    oracle: dict[str, str] = {}
    for step, number, agent in steps:
        name = f"c{number}"
        await views.get(Ownership, name)
        if step == "put":
            views.put(owned(number))
            oracle[name] = ""
        elif step == "own":
            doc = views.edit(Ownership, name)
            if doc is not None:
                doc.state, doc.owner = "owned", agent
                oracle[name] = agent
        elif step == "drop":
            views.drop(Ownership, name)
            oracle.pop(name, None)
        else:
            await views.flush()
    for agent in ("ola", "jan"):
        found = await views.find(Ownership, f"agent/shop/{agent}", 100)
        assert sorted(doc.id for _, doc in found) == sorted(k for k, a in oracle.items() if a == agent)
    assert [doc.id for doc in await views.many(Ownership, names) if doc is not None] == sorted(oracle)
    assert await views.many(Conversation, names) == [None] * len(names)
    await views.close()
