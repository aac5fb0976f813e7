"""What is to be otherwise when a period is played again: the desk's routing, or its people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from proto.v1 import desk_pb2 as pb
from proto.v1.conversations_pb2 import DeskConfigured
from services.kernel.desk import parse_agent
from services.kernel.desk_hours import parse_hours
from services.kernel.desk_parse import Context
from services.kernel.desk_policy import PRESETS, parse_routing
from services.kernel.document import Node, plain_problems
from services.kernel.errors import Invalid, Problem
from services.router import engine as router
from services.router.state import Status
from services.runtime.desk_file import load_document
from sim.past import Past

if TYPE_CHECKING:
    from sim.rerun import Rerun

Hours = tuple[tuple[int, int], ...]
"""When somebody is there, Unix milliseconds."""


_SAID_BY = {
    "preset": ("preset", "policy"),
    "policy": ("preset", "policy"),
    "weights": ("weights",),
    "offer_expires": ("offer_expires_ms",),
    "last_agent": ("last_agent_wait_ms", "last_agent_worth_ms"),
    "agent_lost_after": ("agent_lost_after_ms",),
}
"""What each key of a desk's `routing` fills."""


class Change(Struct):
    """What is otherwise.

    routing: the keys of a desk's `routing` that are replaced; team: the people there are, None: as recorded;
    hours: when those are there whose shifts are named.
    """

    routing: Mapping[str, Any] = field(default_factory=dict)
    team: Mapping[str, pb.Agent] | None = None
    hours: Mapping[str, Hours] = field(default_factory=dict)

    def config(self, configured: DeskConfigured) -> DeskConfigured:
        """A configuration with the other routing. Raises Invalid with the pointer of what is wrong."""
        if not self.routing:
            return configured
        desk = configured.desk
        problems = plain_problems(dict(self.routing))
        context = Context({one.channel for one in desk.accounts}, list(desk.skills), list(desk.leads))
        node = Node(dict(self.routing), "/routing", problems)
        said = parse_routing(node, [queue.name for queue in desk.queues], context)
        if problems:
            told = "; ".join(f"{problem.pointer} {problem.rule}" for problem in problems)
            raise Invalid(f"the policy is not valid: {told}", problems)
        changed = DeskConfigured()
        changed.CopyFrom(configured)
        changed.version += 1
        names = {name for key in self.routing for name in _SAID_BY.get(key, ())}
        for name in said.DESCRIPTOR.fields_by_name:
            if name in names:
                changed.desk.routing.ClearField(name)
            else:
                said.ClearField(name)
        changed.desk.routing.MergeFrom(said)
        return changed

    def keeps(self, kind: str, body: Any) -> bool:
        """Whether something recorded of the desk and its people is played."""
        if self.team is None or kind == "desk":
            return True
        if kind == "agent":
            return False
        agent_id = body.presence.agent_id if kind in ("presence", "goes") else body[0]
        return agent_id in self.team and agent_id not in self.hours

    def begin(self, run: Rerun) -> None:
        """The period begins: what is to be otherwise is from now on."""
        past = run.past
        is_new = not run.engines.router.desk(past.desk_id).version
        if past.config is not None and (self.routing or is_new):
            run.configure(past.config)
        if self.team is None:
            return
        for agent_id in list(run.engines.router.desk(past.desk_id).agents):
            if agent_id not in self.team:
                run.turns(agent_id, False)
        for agent_id, agent in self.team.items():
            run.employ(agent)
            if agent_id not in self.hours:
                continue
            if not self._is_on(agent_id, past.from_ms):
                run.turns(agent_id, False)
            for begins_ms, ends_ms in self.hours[agent_id]:
                if ends_ms > past.from_ms:
                    run.at(max(begins_ms, past.from_ms), run.turns, agent_id, True)
                    run.at(ends_ms, run.turns, agent_id, False)

    def is_leaving(self, agent_id: str, now_ms: int) -> bool:
        """Whether somebody is there only to finish what they have."""
        if self.team is None or (agent_id in self.team and agent_id not in self.hours):
            return False
        return not self._is_on(agent_id, now_ms)

    def _is_on(self, agent_id: str, now_ms: int) -> bool:
        return any(begins_ms <= now_ms < ends_ms for begins_ms, ends_ms in self.hours.get(agent_id, ()))


def owned_by(run: Rerun) -> dict[str, int]:
    """How many conversations each agent owns."""
    found: dict[str, int] = {}
    for c in run.engines.router.data.conversations.values():
        if c.status == Status.OWNED:
            found[c.agent] = found.get(c.agent, 0) + 1
    return found


def routing_of(said: str) -> dict[str, Any]:
    """The routing that is named: a preset, or a file with `routing:`. Raises Invalid if it is neither."""
    if said in PRESETS:
        return {"policy": said}
    document = _document(
        Path(said), f"there is no preset and no file {said!r}; presets: {', '.join(PRESETS)}"
    )
    routing = document.get("routing") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(routing, dict) or not routing:
        raise Invalid(f"{said} must say the routing as a desk's configuration does: routing: {{policy: …}}")
    _nothing_else(said, document, "routing")
    if "shadow" in routing:
        raise Invalid(f"{said}: a shadow decides nothing: write its policy as routing: {{policy: …}}")
    return routing


def _nothing_else(said: object, document: Mapping[str, Any], key: str) -> None:
    """A file that says more would be believed to be tried as a whole. Raises Invalid."""
    others = [repr(name) for name in document if name != key]
    if others:
        raise Invalid(f"{said}: only {key} is tried; take out {', '.join(others)}")


def team_of(path: Path, past: Past) -> tuple[dict[str, pb.Agent], dict[str, Hours]]:
    """The people of a file, and when they are there: a map from ids to what `PUT …/agents/ID` takes, with
    `shifts` beside it, in the form of a desk's hours. Raises Invalid with the pointer of what is wrong."""
    document = _document(path, f"there is no file {path}")
    if isinstance(document, dict) and "agents" in document:
        _nothing_else(path, document, "agents")
    people = document.get("agents", document) if isinstance(document, dict) else None
    if not isinstance(people, dict) or not people:
        raise Invalid(f"{path} must be a map of agents: {{ola: {{skills: {{…}}, shifts: {{mon-fri: […]}}}}}}")
    desk = past.config.desk if past.config is not None else pb.DeskConfig()
    seen = {body.presence.agent_id for _, kind, body in past.world if kind in ("presence", "goes")}
    seen |= {body[0] for _, kind, body in past.world if kind in ("session", "ends")} | _there_before(past)
    team: dict[str, pb.Agent] = {}
    hours: dict[str, Hours] = {}
    for agent_id, said in people.items():
        if not isinstance(agent_id, str):
            raise Invalid(f"{path}: the agent's id {str(agent_id)[:40]} must be a text: put it in quotes")
        about = dict(said) if isinstance(said, dict) else said
        shifts = about.pop("shifts", None) if isinstance(about, dict) else None
        if about is None or about == {}:
            raise Invalid(
                f"/{agent_id}: nothing is said of what this agent can do: write skills and languages"
                " as PUT …/agents/ID takes them, or skills: {} for somebody without any"
            )
        team[agent_id] = _agent(agent_id, about, desk)
        if shifts is not None:
            hours[agent_id] = tuple(_hours(agent_id, shifts, desk.time_zone or "UTC", past))
        elif agent_id not in seen:
            raise Invalid(
                f"/{agent_id}: the log never saw this agent there: say when, with shifts: {{mon-fri: …}}"
            )
    return team, hours


def _there_before(past: Past) -> set[str]:
    return set(router.load(past.router_state).desk(past.desk_id).agents)


def _agent(agent_id: str, about: object, desk: pb.DeskConfig) -> pb.Agent:
    try:
        return parse_agent(agent_id, about, desk)
    except Invalid as error:
        told = "; ".join(f"/{agent_id}{problem.pointer} {problem.rule}" for problem in error.problems)
        raise Invalid(f"the agents are not valid: {told}", error.problems) from error


def _hours(agent_id: str, shifts: object, zone: str, past: Past) -> Iterator[tuple[int, int]]:
    """Each shift that touches the period."""
    problems: list[Problem] = []
    ranges = parse_hours(Node(shifts, f"/{agent_id}/shifts", problems))
    if problems:
        raise Invalid(
            "the shifts are not valid: " + "; ".join(f"{p.pointer} {p.rule}" for p in problems), problems
        )
    zoned = ZoneInfo(zone)
    day = datetime.fromtimestamp(past.from_ms / 1000, zoned).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    while day.timestamp() * 1000 < past.to_ms:
        for one in ranges:
            if one.weekday == day.isoweekday():
                begins, ends = (_at(day, minute) for minute in (one.start_min, one.end_min))
                if ends > past.from_ms and begins < past.to_ms:
                    yield begins, ends
        day = (day + timedelta(days=1)).replace(hour=0)


def _at(day: datetime, minute: int) -> int:
    """That minute of the day by the clock on the wall."""
    ahead = day + timedelta(days=minute // 1440)
    wall = ahead.replace(hour=minute % 1440 // 60, minute=minute % 60)
    return round(wall.timestamp() * 1000)


def _document(path: Path, missing: str) -> object:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(missing) from error
    kind = "application/json" if path.suffix == ".json" else "application/yaml"
    return load_document(raw, kind, str(path))
