"""Views in Redis or Valkey: one store for each log of a partition, written by who owns that log.

Theory of operation. Everything of a partition has one hash tag, `{7}`, so it lies in one slot of a cluster
and one script can write it as a whole. At its `head` (a hash) stands, for each topic, how far that log is
covered. A write names the place from which it goes on, and counts only if the head says the same: so it
counts once, in order, whoever repeats it, lets it land late, or has been deposed meanwhile; and its seq is
always greater than the one before. Whoever is told otherwise begins anew from what the head says.

What Redis has forgotten or gone back on is found by the same rule. A `life` stands in the head and in the
name of every other key: with an empty head a new life begins, and nothing of an older one is ever read
again. Until all topics have said that they are whole, readers are told to come back later.

Keys, behind `centrala:{PARTITION}:vVERSION`:

    (nothing)             the head: life, and for each topic a packed Head
    :LIFE:KIND:KEY        a document
    :LIFE:KIND/:PARENT    documents read by prefix, in a hash: those of PARENT by the rest of their key
    :LIFE:t:KIND/TERM     the places of a term, a sorted set by bytes: 16 hexadecimal digits, and the key
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from services.kernel.errors import Busy
from services.runtime.documents import KINDS, VERSION
from services.runtime.event_log import OWNED_TOPICS, TopicPartition
from services.runtime.redis_link import Argument, Command, RedisLink, Script
from services.runtime.view_store import Changes, Place, Position

SCANNED = frozenset(kind.KIND for kind in KINDS if kind.SCANNED)
CLEANED_AT_ONCE = 500
_ZERO = 1 << 63
_DIGITS = 16

_BEGIN = Script("""
redis.call('HSETNX', KEYS[1], 'life', ARGV[1])
return redis.call('HMGET', KEYS[1], 'life', ARGV[2])
""")
"""A life, if there is none: its name and what the head says of a topic."""

_END = Script("""
if redis.call('HGET', KEYS[1], 'life') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")
"""The end of a life that tells of what the log does not have."""

_CLEAN = Script("""
if redis.call('HGET', KEYS[1], 'life') ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 1
""")
"""Removes keys as long as a life lasts: those of the next one are not among them."""

_WRITE = Script("""
local head = redis.call('HMGET', KEYS[1], 'life', ARGV[2])
if head[1] ~= ARGV[1] or (head[2] or '') ~= ARGV[3] then return 0 end
for i = 2, #KEYS do
  local what, a, b = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  if what == 's' then redis.call('SET', KEYS[i], a)
  elseif what == 'd' then redis.call('UNLINK', KEYS[i])
  elseif what == 'h' then redis.call('HSET', KEYS[i], a, b)
  elseif what == 'x' then redis.call('HDEL', KEYS[i], a)
  elseif what == '+' then redis.call('ZADD', KEYS[i], 0, a)
  else redis.call('ZREM', KEYS[i], a) end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[4])
return 1
""")
"""KEYS: the head, then one for each step. ARGV: life, topic, its head before and after; then three for each
step: what, and two values. 0 if the head is another one: nothing is written. Who listens is told of the new
head by a word on the channel of its name (`word_of`)."""


class Head(msgspec.Struct, array_like=True):
    """What a partition's head says of a topic: the place up to which its log is covered, whether that
    reaches to the end that the log had when its owner began, and how far its owner has read its inputs."""

    offset: int
    epoch: int
    next_seq: int
    whole: bool = False
    inputs: dict[str, int] = msgspec.field(default_factory=dict)

    def position(self) -> Position:
        """The place in the log."""
        return Position(self.offset, self.epoch, self.next_seq)


_read_head = msgspec.msgpack.Decoder(Head).decode
_pack = msgspec.msgpack.Encoder().encode


class Overtaken(Exception):
    """The store stands elsewhere than this writer believed: begin anew from what it says."""


class Names:
    """The names of a partition's keys in one life."""

    __slots__ = ("_root", "head", "life", "partition")

    def __init__(self, partition: int, life: str = "") -> None:
        self.partition = partition
        self.life = life
        self.head = f"centrala:{{{partition}}}:v{VERSION}"
        self._root = f"{self.head}:{life}:"

    def document(self, kind: str, key: str) -> tuple[str, str | None]:
        """The key that a document lies under, and its field where that is a hash."""
        if kind not in SCANNED:
            return f"{self._root}{kind}:{key}", None
        parent, _, child = key.rpartition("/")
        return f"{self._root}{kind}/:{parent}", child

    def family(self, kind: str, prefix: str) -> str:
        """The hash of the documents whose key begins with `prefix`."""
        if kind not in SCANNED or (prefix and not prefix.endswith("/")):
            raise ValueError(f"{kind} is not read by the prefix {prefix!r}")
        return f"{self._root}{kind}/:{prefix.removesuffix('/')}"

    def term(self, term: str) -> str:
        """The sorted set of a term."""
        return f"{self._root}t:{term}"

    def load(self, kind: str, key: str) -> Command:
        """The command that reads a document."""
        name, field = self.document(kind, key)
        return ("GET", name) if field is None else ("HGET", name, field)

    def find(self, term: str, after: Place | None, limit: int, newest: bool) -> Command:
        """The command that reads places."""
        begin = "(" + member(*after) if after is not None else "+" if newest else "-"
        order: Command = (begin, "-", "BYLEX", "REV") if newest else (begin, "+", "BYLEX")
        return ("ZRANGE", self.term(term), *order, "LIMIT", 0, limit)


def member(sort: int, key: str) -> str:
    """A place as a member of a sorted set: in order as bytes."""
    return f"{sort + _ZERO:0{_DIGITS}x}{key}"


def place(raw: bytes) -> Place:
    """The place of a member."""
    text = raw.decode()
    return Place(int(text[:_DIGITS], 16) - _ZERO, text[_DIGITS:])


def heads(raw: dict[bytes, bytes]) -> tuple[str, dict[str, Head]]:
    """What a whole head says: life ("" for none), and each topic's."""
    life = raw.get(b"life", b"").decode()
    return life, {topic: _read_head(raw[topic.encode()]) for topic in OWNED_TOPICS if topic.encode() in raw}


def word_of(data: bytes) -> tuple[str, str, Head]:
    """What a word of a write says: the life, the topic, its head."""
    life, topic, head = data.split(b" ", 2)
    return life.decode(), topic.decode(), _read_head(head)


class RedisStore:
    """The documents of one log of one partition, for its one writer."""

    def __init__(self, link: RedisLink, topic: str, partition: int) -> None:
        self._link = link
        self._log = TopicPartition(topic, partition)
        self._names = Names(partition)
        self._before = b""
        self._head = Head(0, 0, 0)

    async def open(self) -> dict[TopicPartition, Position]:
        """What the head says of this log; with an empty one a new life begins. Raises Busy."""
        offered = secrets.token_hex(4)
        names = [self._names.head]
        life, head = await self._link.run(_BEGIN, names, [offered, self._log.topic])
        self._names = Names(self._log.partition, life.decode())
        self._before = head or b""
        self._head = _read_head(head) if head else Head(0, 0, 0)
        if life.decode() == offered:
            await self._clean()
        return {self._log: self._head.position()} if head else {}

    async def begin_anew(self) -> None:
        """End this life: it tells of what the log does not have. To be opened again. Raises Busy."""
        await self._link.run(_END, [self._names.head], [self._names.life])

    async def _clean(self) -> None:
        """Remove what earlier lives of the partition have left, and earlier versions."""
        head, mine = self._names.head, f"{self._names.head}:{self._names.life}:"
        root = head.removesuffix(str(VERSION))
        old = []
        for key in await self._link.keys(root + "*"):
            version = key.removeprefix(root).split(":", 1)[0]
            if version.isdigit() and int(version) <= VERSION and key != head and not key.startswith(mine):
                old.append(key)
        for start in range(0, len(old), CLEANED_AT_ONCE):
            keys = [head, *old[start : start + CLEANED_AT_ONCE]]
            await self._link.run(_CLEAN, keys, [self._names.life])

    def tell(self, whole: bool, inputs: dict[str, int]) -> bool:
        """What the next write says beside its documents; whether that is news."""
        news = whole != self._head.whole or inputs != self._head.inputs
        self._head = Head(*self._head.position(), whole, inputs)
        return news

    async def fetch(self, places: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """Documents by kind and key. Raises Busy."""
        commands = [self._names.load(kind, key) for kind, key in places]
        return await self._link.read(commands) if commands else []

    async def fetch_under(self, kind: str, prefix: str) -> list[tuple[str, bytes]]:
        """Documents whose key begins with `prefix`. Raises Busy."""
        [found] = await self._link.read([("HGETALL", self._names.family(kind, prefix))])
        return [(prefix + field.decode(), body) for field, body in found.items()]

    async def fetch_places(self, term: str, after: Place | None, limit: int, newest: bool) -> list[Place]:
        """Places of a term. Raises Busy."""
        [found] = await self._link.read([self._names.find(term, after, limit, newest)])
        return [place(raw) for raw in found]

    async def fetch_count(self, term: str) -> int:
        """How many documents have the term. Raises Busy."""
        [found] = await self._link.read([("ZCARD", self._names.term(term))])
        return int(found)

    async def write(self, changes: Changes) -> None:
        """Apply changes, all or nothing. Raises Overtaken if the head is another one than after the last
        write; Busy if Redis does not answer, and then it may have been written, or be written later."""
        position = changes.positions.get(self._log, self._head.position())
        head = Head(*position, self._head.whole, self._head.inputs)
        after = _pack(head)
        keys, steps = [self._names.head], list[Argument]()
        for key, *step in self._steps(changes):
            keys.append(key)
            steps += step
        known = (self._names.life, self._log.topic, self._before, after)
        if not await self._link.run(_WRITE, keys, [*known, *steps]):
            raise Overtaken(f"views of {self._log.topic}/{self._log.partition} stand elsewhere")
        self._head, self._before = head, after

    def _steps(self, changes: Changes) -> list[tuple[str, str, Argument, Argument]]:
        names, steps = self._names, list[tuple[str, str, Argument, Argument]]()
        for kind, puts in changes.puts.items():
            for key, body in puts:
                name, field = names.document(kind, key)
                steps.append((name, "s", body, "") if field is None else (name, "h", field, body))
        for kind, drops in changes.drops.items():
            for key in drops:
                name, field = names.document(kind, key)
                steps.append((name, "d", "", "") if field is None else (name, "x", field, ""))
        steps += [(names.term(term), "-", member(sort, key), "") for term, sort, key in changes.terms_dropped]
        steps += [(names.term(term), "+", member(sort, key), "") for term, sort, key in changes.terms_added]
        return steps

    async def close(self) -> None:
        """The link belongs to the process."""


def checked(found: dict[str, Head]) -> None:
    """Raise Busy unless every topic is whole."""
    if not all(topic in found and found[topic].whole for topic in OWNED_TOPICS):
        raise Busy("The views are being made anew from the logs.")
