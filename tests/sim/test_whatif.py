"""A period played again: the same policy gives what was recorded, another one what it would have done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proto.v1 import desk_pb2 as pb
from services.kernel.errors import Invalid
from sim.change import Change, routing_of, team_of
from sim.generate import draw_week
from sim.hours import MONDAY_MS
from sim.past import Past, read
from sim.shop import Contact, Shop
from sim.tally import Tally
from sim.week import DESK_ID
from sim.whatif import asked, compare
from tests.sim.recorded import Distracted, past_of, record
from tests.sim.worlds import contact, person, shop
from tests.tools.made import MadeLogs


def busy() -> tuple[Shop, list[Contact]]:
    """Two days of calls, chats and mails for three people, more than they can do without waiting."""
    made = shop(person("anna"), person("bob"), person("cyd"))
    return made, draw_week(made, 3)


@pytest.fixture(scope="module")
def past() -> Past:
    """Those days under `longest_idle`."""
    return past_of(*busy(), "longest_idle")


def test_the_same_policy_gives_what_was_recorded(past: Past) -> None:
    """Given a week's log, played again as it was, promises and waits are the recorded ones but for the few
    offers whose answers had to be drawn."""
    told = compare(past, Change(), 2)
    recorded, replayed = told["calibration"]["recorded"], told["calibration"]["replayed"]
    assert recorded["arrived"] == replayed["arrived"] > 200
    assert abs(told["calibration"]["sla_off"]) < 0.005
    for channel in ("voice", "chat", "email"):
        name = f"wait_mean_s.{channel}"
        assert replayed[name] == pytest.approx(recorded[name], rel=0.03), channel
    assert all(mean == half == 0 for mean, half in told["difference"].values())
    assert told["learned"]["slower_with_in_hand"]["1"] == pytest.approx(1.35, abs=0.15)


def test_it_foretells_what_another_policy_does(past: Past) -> None:
    """Given the log under `longest_idle`, what is said of `default` and of `priority` is near to what the
    same customers really meet under it."""
    for policy in ("default", "priority"):
        told = compare(past, Change({"policy": policy}), 3)
        truth = Tally.recorded(past_of(*busy(), policy)).figures()
        said = told["changed"]
        assert abs(said["sla.all"][0] - truth["sla"]["all"]) < 0.04, policy
        for channel, wait_s in truth["wait_mean_s"].items():
            assert said[f"wait_mean_s.{channel}"][0] == pytest.approx(wait_s, rel=0.25, abs=5), channel


def test_offers_that_rang_out_ring_out_again() -> None:
    """Given people who leave their desks without a word, so that every third offer rings out, the same policy
    gives what was recorded, and what is said of another one is near to what it brings them."""
    recorded = past_of(*busy(), "longest_idle", Distracted)
    assert sum(one.kind == "expire" for one in recorded.answers) > len(recorded.answers) / 3
    calibration = compare(recorded, Change(), 2)["calibration"]
    assert abs(calibration["sla_off"]) < 0.005
    assert all(abs(off_s) < 1.5 for off_s in calibration["wait_mean_off_s"].values())
    said = compare(recorded, Change({"policy": "default"}), 3)["changed"]
    truth = Tally.recorded(past_of(*busy(), "default", Distracted)).figures()
    assert abs(said["sla.all"][0] - truth["sla"]["all"]) < 0.04


def test_replications_are_drawn_alike_for_both_sides(past: Past) -> None:
    """Given drawn work, no change makes no difference in any replication, while replications differ."""
    told = compare(past, Change(), 2, draws=True)
    assert all(mean == half == 0 for mean, half in told["difference"].values())
    assert told["baseline"]["wait_mean_s.voice"][1] > 0


def test_more_people_wait_less(past: Past, tmp_path: Path) -> None:
    """Given a file with twice the people, half of them with shifts of their own, waits shrink; with one alone
    they grow, and the interval does not reach zero."""
    about = {"skills": {"returns": 3}, "languages": {"pl": 5}, "capacity": 100}
    shifts = {"shifts": {"mon-fri": ["08:00-09:00"]}}
    six = {
        "anna": about,
        "bob": about,
        "cyd": about,
        **dict.fromkeys(("dan", "eve", "fay"), about | shifts),
    }
    for people, sign in ((six, -1), ({"anna": about}, 1)):
        path = tmp_path / "people.json"
        path.write_text(json.dumps(people))
        change = Change()
        change.team, change.hours = team_of(path, past)
        mean, half = compare(past, change, 2)["difference"]["wait_mean_s.chat"]
        assert sign * mean > half, people


def test_who_leaves_finishes_first() -> None:
    """Given an agent who went with nothing in hand, and a policy under which they still have work then, they
    finish it before they go; nothing of theirs waits again."""
    made = shop(person("anna"), person("bob"))
    contacts = [contact(10, "voice", 60), contact(3_590, "voice", 300)]
    again = past_of(made, contacts, "longest_idle")
    told = compare(again, Change({"policy": "round_robin"}), 2)
    assert told["changed"]["arrived"] == [2, 0]
    assert told["changed"]["waiting_at_end"] == [0, 0]
    assert told["changed"]["offers"] == [2, 0]


def test_a_period_ends_with_the_log(past: Past) -> None:
    """Given an end long behind the log's, the period is cut there and says so, and what is learned and played
    is as if the log's end had been said."""
    logs = record(*busy(), "longest_idle")
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in (past.from_ms, past.to_ms))
    whole, cut = asked(logs, None, begin, "2038-01-01T00:00+00:00")
    assert set(cut) == {"to"}
    assert whole.to_ms == whole.last_ms + 1 <= past.to_ms
    assert whole.answers == past.answers != []
    assert whole.cases == past.cases
    assert asked(logs, DESK_ID, begin, end)[1].keys() <= {"to"}
    assert asked(logs, DESK_ID, "2020-01-01", end)[1]["from"] == "the desk had no configuration before"


@pytest.mark.parametrize("end", ["2026-11-30", "2026-11-29"])
def test_a_period_that_ends_before_it_begins_is_told_first(end: str) -> None:
    """Given an end that is not behind the beginning, that is what is said, whatever else is wrong."""
    with pytest.raises(Invalid, match="--to must lie behind --from"):
        asked(MadeLogs(), None, "2026-11-30", end)


def file(tmp_path: Path, name: str, text: str) -> str:
    """A file's path."""
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


def test_a_policy_is_a_name_or_a_file(past: Past, tmp_path: Path) -> None:
    """A preset's name and a file's routing replace just what they say; the rest of the desk's stays."""
    path = file(tmp_path, "policy.yaml", "routing:\n  policy: {like: default, limits: {chat: 2}}\n")
    assert past.config is not None
    before = past.config.desk.routing
    named, written = (Change(routing_of(said)).config(past.config) for said in ("priority", path))
    assert named.desk.routing.preset == "priority"
    assert written.desk.routing.policy.limits["chat"] == 2
    for made in (named, written):
        assert made.desk.routing.offer_expires_ms == before.offer_expires_ms
        assert made.desk.routing.weights == before.weights
        assert made.version == past.config.version + 1


def test_mistakes_are_told_in_words(past: Past, tmp_path: Path) -> None:
    """An unknown desk names the known ones; a bad policy, people or shifts name the place and the rule."""
    logs = record(shop(person("anna")), [contact(10)], "default")
    with pytest.raises(Invalid, match="there is no desk 'other' in this log: it knows shop"):
        read(logs, "other", MONDAY_MS, MONDAY_MS + 1)
    assert past.config is not None
    bad = file(tmp_path, "bad.yaml", "routing:\n  policy: {order: alphabet}\n")
    with pytest.raises(Invalid, match="/routing/policy/order"):
        Change(routing_of(bad)).config(past.config)
    with pytest.raises(Invalid, match="no preset and no file 'nothing'"):
        routing_of("nothing")
    with pytest.raises(Invalid, match="routing: "):
        routing_of(file(tmp_path, "none.yaml", "policy: default\n"))
    with pytest.raises(Invalid, match="only routing is tried; take out 'name', 'queues'"):
        routing_of(file(tmp_path, "all.yaml", "name: X\nqueues: []\nrouting: {policy: default}\n"))
    with pytest.raises(Invalid, match="a shadow decides nothing"):
        routing_of(file(tmp_path, "shadow.yaml", "routing: {shadow: {policy: default}}\n"))
    with pytest.raises(Invalid, match="only agents is tried; take out 'routing'"):
        team_of(Path(file(tmp_path, "team.yaml", "agents: {anna: {skills: {}}}\nrouting: {}\n")), past)
    cases: list[tuple[Any, str]] = [
        ({"dan": {"skills": {}}}, "/dan: the log never saw this agent"),
        ({"anna": None}, "/anna: nothing is said of what this agent can do"),
        ({"anna": {}}, "/anna: nothing is said of what this agent can do"),
        ({"dan": {"shifts": {"mon": ["08:00-09:00"]}}}, "/dan: nothing is said of what this agent can do"),
        ({"anna": {"skills": {"returns": 9}}}, "/anna/skills/returns"),
        ({"dan": {"skills": {}, "shifts": {"someday": ["08:00-09:00"]}}}, "/dan/shifts/someday"),
        ([], "must be a map of agents"),
    ]
    for people, words in cases:
        with pytest.raises(Invalid, match=words):
            team_of(Path(file(tmp_path, "people.json", json.dumps(people))), past)
    with pytest.raises(Invalid, match="the agent's id 1 must be a text: put it in quotes"):
        team_of(Path(file(tmp_path, "people.yaml", "agents: {1: {skills: {returns: 3}}}\n")), past)


def test_shifts_follow_the_clock_on_the_wall(past: Past, tmp_path: Path) -> None:
    """Given shifts in the desk's zone, they lie where the wall's clock says, also past midnight."""
    people = {"dan": {"skills": {}, "shifts": {"mon": ["23:00-24:00"], "tue": ["08:00-08:30"]}}}
    _, hours = team_of(Path(file(tmp_path, "people.json", json.dumps(people))), past)
    hour = 3_600_000
    assert hours["dan"] == (
        (MONDAY_MS + 23 * hour, MONDAY_MS + 24 * hour),
        (MONDAY_MS + 32 * hour, MONDAY_MS + 32 * hour + hour // 2),
    )
    assert past.desk_id == DESK_ID
    assert isinstance(past.config.desk if past.config else None, pb.DeskConfig)
