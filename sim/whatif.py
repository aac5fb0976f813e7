"""Plays a desk's own period again under another policy or with other people, and says what would differ."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.kernel.errors import Invalid
from sim.change import Change, routing_of, team_of
from sim.intervals import mean_of, rounded
from sim.learn import Model, learn, summary
from sim.past import Past, desks_of, read
from sim.redecide import add_source, source_of
from sim.rerun import Rerun
from sim.tally import Tally
from tools.arguments import JOBS_MAX, whole
from tools.invariants import Source
from tools.stored_kafka import KafkaLogs

SEEDS = 5
BACKWARDS = "--to must lie behind --from"
Flat = Mapping[str, float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sim whatif`."""
    add_source(parser)
    parser.add_argument("--desk", metavar="NAME", help="which desk; needed where the log has several")
    parser.add_argument(
        "--from", dest="begin", required=True, metavar="TIME", help="2026-01-05 or with a time"
    )
    parser.add_argument("--to", dest="end", required=True, metavar="TIME", help="the end, itself not in it")
    parser.add_argument("--policy", metavar="FILE|NAME", help="a preset, or a file with routing:")
    parser.add_argument("--agents", type=Path, metavar="FILE", help="other people, with their shifts")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, metavar="N", help=f"replications (default {SEEDS})"
    )
    parser.add_argument(
        "--work",
        choices=("recorded", "drawn"),
        default="recorded",
        help="each conversation keeps the work it was, or has one of its kind: another such period",
    )
    parser.add_argument(
        "--jobs", type=whole(1, JOBS_MAX), default=1, help="processes that share the replications"
    )


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read, learn, play, compare. Raises Invalid, in words a lead understands."""
    if not arguments.policy and not arguments.agents:
        raise Invalid("say what to change: --policy with a preset or a file, or --agents with a file")
    if arguments.seeds < 2:
        raise Invalid("--seeds takes 2 or more: an interval needs replications that differ")
    source = source_of(arguments)
    with closing(source) if isinstance(source, KafkaLogs) else nullcontext():
        past, cut = asked(source, arguments.desk, arguments.begin, arguments.end)
    change = Change(routing_of(arguments.policy) if arguments.policy else {})
    if arguments.agents:
        change.team, change.hours = team_of(arguments.agents, past)
    if past.config is not None:
        change.config(past.config)  # what is wrong with it is told before anything is played
    told = compare(past, change, arguments.seeds, arguments.work == "drawn", arguments.jobs)
    return {**told, "cut": cut}


def asked(source: Source, desk: str | None, from_said: str, to_said: str) -> tuple[Past, dict[str, str]]:
    """The period that the options name, and where it was cut because the log says nothing beyond: "from",
    "to", each with the reason. Raises Invalid if there is nothing to play."""
    begin, end = _time(from_said, "--from"), _time(to_said, "--to")
    if bool(begin.tzinfo) == bool(end.tzinfo) and end <= begin:
        raise Invalid(BACKWARDS)
    desks = desks_of(source)
    desk_id = desk or (desks[0] if len(desks) == 1 else "")
    if not desk_id:
        raise Invalid(f"say which desk with --desk: the log knows {', '.join(desks) or 'none'}")
    from_ms, to_ms = _ms(begin), _ms(end)
    past = read(source, desk_id, from_ms, to_ms)
    zone = past.config.desk.time_zone if past.config is not None else ""
    if zone and not (begin.tzinfo and end.tzinfo):
        # A time without a zone is the desk's; which zone that is stands in the log.
        from_ms, to_ms = _ms(begin, zone), _ms(end, zone)
        past = read(source, desk_id, from_ms, to_ms)
    if past.to_ms <= past.from_ms:
        raise Invalid(BACKWARDS)
    if past.from_ms <= past.last_ms < past.to_ms - 1:
        # Read again, because what is learned is counted back from the end.
        past = read(source, desk_id, from_ms, past.last_ms + 1)
    _check_arrivals(past)
    cut = {}
    if past.from_ms > from_ms:
        cut["from"] = "the desk had no configuration before"
    if past.to_ms < to_ms:
        cut["to"] = "the desk's log ends here"
    return past, cut


def _check_arrivals(past: Past) -> None:
    """Raises Invalid if nobody came within the period."""
    if not any(spell.opened_ms >= past.from_ms for case in past.cases.values() for spell in case.spells):
        raise Invalid(
            f"nobody wrote to desk {past.desk_id!r} from {_said(past.from_ms)} to {_said(past.to_ms)}:"
            f" its log goes from {_said(past.first_ms)} to {_said(past.last_ms)}"
        )


def _time(text: str, option: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f'{option} must be a time such as "2026-01-05" or "2026-01-05T08:00+01:00"') from None


def _ms(at: datetime, zone: str = "UTC") -> int:
    zoned = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
    return round(zoned.timestamp() * 1000)


def _said(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def compare(past: Past, change: Change, seeds: int, draws: bool = False, jobs: int = 1) -> dict[str, Any]:
    """Both sides on the same draws, what differs with its interval, and how near a replay is to the log."""
    began_s = time.perf_counter()
    model = learn(past)
    recorded = Tally.recorded(past).figures()
    one = partial(both, past, model, change, draws)
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            pairs = list(pool.map(one, range(1, seeds + 1)))
    else:
        pairs = [one(seed) for seed in range(1, seeds + 1)]
    replayed = Rerun(past, model, Change(), 1).run().figures() if draws else pairs[0][0]
    before, after = [flat(a) for a, _ in pairs], [flat(b) for _, b in pairs]
    difference = _paired(before, after)
    return {
        "desk": past.desk_id,
        "from": _said(past.from_ms),
        "to": _said(past.to_ms),
        "seeds": seeds,
        "work": "drawn" if draws else "recorded",
        "learned": summary(model),
        "calibration": _calibration(recorded, replayed),
        "baseline": _summary(before),
        "changed": _summary(after),
        "difference": difference,
        "sentence": _sentence(difference),
        "wall_s": round(time.perf_counter() - began_s, 2),
    }


def both(
    past: Past, model: Model, change: Change, draws: bool, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures of the desk as it was, and as it would have been, on the same draws."""
    found = []
    for one in (Change(), change):
        gc.collect()
        gc.disable()  # nothing of a run makes cycles worth collecting
        found.append(Rerun(past, model, one, seed, draws).run().figures())
        gc.enable()
    return found[0], found[1]


def flat(figures: Mapping[str, Any]) -> dict[str, float]:
    """Figures by dotted names, without those that nobody has."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        parts = value.items() if isinstance(value, Mapping) else [("", value)]
        for part, number in parts:
            if number is not None:
                found[f"{name}.{part}" if part else name] = float(number)
    return found


def _summary(runs: Sequence[Flat]) -> dict[str, list[float]]:
    names = sorted(set().union(*runs))
    return {name: rounded(mean_of([run[name] for run in runs if name in run])) for name in names}


def _paired(before: Sequence[Flat], after: Sequence[Flat]) -> dict[str, list[float]]:
    """[mean, half-width of the 95 % interval] of changed minus baseline, by pairs of the same seed."""
    names = sorted(set().union(*before) & set().union(*after))
    found = {}
    for name in names:
        pairs = [b[name] - a[name] for a, b in zip(before, after, strict=True) if name in a and name in b]
        if pairs:
            found[name] = rounded(mean_of(pairs))
    return found


def _calibration(recorded: Mapping[str, Any], played: Mapping[str, Any]) -> dict[str, Any]:
    """How near the replay with the same policy comes to what was recorded."""
    said, got = flat(recorded), flat(played)
    names = [name for name in said if name in got]
    return {
        "recorded": {name: said[name] for name in names},
        "replayed": {name: got[name] for name in names},
        "sla_off": round(got.get("sla.all", 0.0) - said.get("sla.all", 0.0), 4),
        "wait_mean_off_s": {
            name.partition(".")[2]: round(got[name] - said[name], 2)
            for name in names
            if name.startswith("wait_mean_s.")
        },
    }


def _sentence(difference: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """What would differ, for people."""
    points, half = (100 * value for value in difference.get("sla.all", (0.0, 0.0)))
    breaches, off = difference.get("breaches", (0.0, 0.0))
    is_clear = abs(points) > half
    pl = f"Dotrzymane obietnice: {points:+.1f} ± {half:.1f} pkt proc.; złamane: {breaches:+.1f} ± {off:.1f}."
    en = f"Promises kept: {points:+.1f} ± {half:.1f} points; broken: {breaches:+.1f} ± {off:.1f}."
    if not is_clear:
        pl += " Różnicy nie da się odróżnić od przypadku."
        en += " That cannot be told from chance."
    return {"pl": pl, "en": en}
