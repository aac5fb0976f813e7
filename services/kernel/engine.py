"""What an engine is: four pure functions over a state.

An engine does no I/O, reads no clock, draws no random numbers and knows no asyncio. Its state is the
fold of its own log, `state = fold(evolve, own log)`: whatever it must remember of an input it writes
into an event of its own. So `decide` may be rewritten freely, and `evolve` must understand every
event ever written.

`decide` never changes the state: the loop hands each event that it returns to `evolve` at once and
in order. If `decide` needs to see the effect of its own first event on a later one, it says so with
`Draft`, or decides in a second step from a deadline that is due now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

DEADLINE = "deadline"
"""Topic of the input that stands for time having passed."""

LOCAL = "local"
"""Topic of an input that the shell makes itself (an agent's session seen or lost)."""


class Input(NamedTuple):
    """One input of `decide`.

    topic: the topic's short name ("inbound", "routing", ...) or LOCAL.
    id: names the record, and becomes the `cause_id` of what is decided from it.
    at_ms: when it was appended (mailbox: the log's clock; owned topic: its batch's `now_ms`).
    event: the parsed message of that topic.
    """

    topic: str
    id: str
    at_ms: int
    event: Any


class Engine(Protocol):
    """A module `services/<service>/engine.py` has these names; it is the engine.

    `S` below stands for the engine's own state class.
    """

    @property
    def TOPIC(self) -> str:
        """Short name of the owned topic ("conversations", "routing", "sla", "notices")."""

    @property
    def INPUTS(self) -> tuple[str, ...]:
        """Short names of the input topics, in the order in which they are merged."""

    @property
    def HEARS(self) -> Mapping[str, Collection[str]]:
        """The bodies of each owned input topic that may lead to something; the rest is passed over
        without being parsed. A mailbox is heard whole."""

    @property
    def EVENT(self) -> type[Any]:
        """The protobuf class of the owned topic's events. All four share desk_id, occurred_at_ms,
        cause_id, origin_id and a oneof `body` with `skipped`."""

    @property
    def STATE_VERSION(self) -> int:
        """Raised whenever `dump` changes; a snapshot of another version is thrown away."""

    def initial(self) -> Any:
        """The state before any event: S."""

    def decide(self, state: Any, record: Input | None, now_ms: int) -> Sequence[Any]:
        """The events that follow from this input, or, without one, from the earliest deadline that
        is due at `now_ms` (one call, one deadline). Leaves the state as it is."""

    def evolve(self, state: Any, event: Any) -> None:
        """The only thing that changes a state. Must not fail on any event ever written."""

    def next_deadline_ms(self, state: Any) -> int | None:
        """When to be called again with nothing but the time, Unix milliseconds."""

    def next_deadline_id(self, state: Any) -> str:
        """Names that deadline, for `Skipped` and for `cause_id`; "" without one."""

    def dump(self, state: Any) -> bytes:
        """The state as bytes: equal for equal states, whatever way they came about."""

    def load(self, data: bytes) -> Any:
        """The state of `dump`, with its indexes made anew."""
