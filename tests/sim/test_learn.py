"""What is learned of people and customers, against what is known beforehand."""

from __future__ import annotations

import math
import random

import pytest

from sim.learn import Answers, Pace, Patience, learn_pace, script_of
from sim.past import Answer, Spell, Step, Stint

KIND = ("chat", "ogolna")


def test_paces_are_told_from_work_and_from_what_else_is_in_hand() -> None:
    """Given lognormal work, an agent who takes twice as long as another, and a third more with something in
    hand, each comes out within a few per cent, whoever had how much in hand."""
    dice, seen = random.Random(5), []
    for _ in range(3_000):
        agent = dice.choice(("slow", "quick"))
        beside = dice.choice((0, 0, 1) if agent == "slow" else (0, 1, 1))
        took_ms = (
            100_000 * math.exp(dice.gauss(0, 0.5)) * (2 if agent == "slow" else 1) * (1.35 if beside else 1)
        )
        seen.append((KIND, Stint(agent, 0, beside, ended_ms=round(took_ms))))
    pace = learn_pace(seen)
    assert pace.factor("slow", 0) / pace.factor("quick", 0) == pytest.approx(2, rel=0.06)
    assert pace.factor("slow", 1) / pace.factor("slow", 0) == pytest.approx(1.35, rel=0.06)
    assert pace.factor("nobody", 0) == 1


def test_an_agent_seen_once_says_little() -> None:
    """Given one stint of a new agent that took ten times as long, they are not taken to be so slow."""
    seen = [(KIND, Stint("old", 0, 0, ended_ms=60_000)) for _ in range(50)]
    pace = learn_pace([*seen, (KIND, Stint("new", 0, 0, ended_ms=600_000))])
    assert 1 < pace.factor("new", 0) < 2


def test_who_was_served_is_no_proof_of_impatience() -> None:
    """Given waits of which some ended with an agent, the shares that still wait are Kaplan and Meier's."""
    patience = Patience([(10, True), (20, False), (30, True), (40, False), (50, True), (60, False)])
    assert patience.times_ms == [10, 30, 50]
    assert patience.shares == pytest.approx([5 / 6, 5 / 6 * 3 / 4, 5 / 6 * 3 / 4 / 2])


def test_patience_is_drawn_as_it_was_seen() -> None:
    """Given exponential patience that is cut off by an agent half of the time, what is drawn has its mean
    again, and whoever has waited for a while is drawn as somebody who has."""
    dice, waits = random.Random(3), []
    for _ in range(4_000):
        patience, served = dice.expovariate(1 / 300_000), dice.expovariate(1 / 300_000)
        waits.append((round(min(patience, served)), patience < served))
    learned = Patience(waits)
    drawn = [learned.draw(dice.random()) or 0 for _ in range(4_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(300_000, rel=0.08)
    later = [learned.draw(dice.random(), 200_000) or 0 for _ in range(4_000)]
    assert min(later) > 200_000
    assert sum(later) / len(later) == pytest.approx(500_000, rel=0.08)


def test_where_nobody_gave_up_nobody_does() -> None:
    """Given a channel on which everybody was served, customers wait for ever."""
    assert Patience([(10, False), (500, False)]).draw(0.99) is None


def drawn(answers: Answers, agent_id: str, channel: str, seed: int) -> tuple[str, int]:
    """What an agent does, and after how long."""
    one = answers.draw(agent_id, channel, random.Random(seed))
    return one.kind, one.rang_ms


def test_offers_are_answered_as_those_agents_do() -> None:
    """Given an agent who always declines, and one who was never seen, the first declines after as long, and
    the other does as all do; where no offer was seen it is taken at once."""
    answers = Answers([Answer("no", "voice", "decline", 7_000)])
    assert drawn(answers, "no", "voice", 1) == ("decline", 7_000)
    assert drawn(answers, "new", "voice", 1) == ("decline", 7_000)
    assert drawn(Answers([]), "new", "voice", 1) == ("accept", 0)


def test_an_agent_is_as_they_were_at_that_time() -> None:
    """Given an agent who took calls and let one ring while they were away, another call rings out at that
    time, and is taken an hour later; the same call is answered as it was, whenever that is, but only once."""
    call_ms = 3_600_000
    answers = Answers([
        *(Answer("ola", "voice", "accept", 3_000, f"c{i}", i * call_ms) for i in range(1, 9)),
        Answer("ola", "voice", "expire", 30_000, "c0", 0),
    ])  # fmt: skip
    for seed in range(20):
        dice, given = random.Random(seed), set[Answer]()
        assert answers.answer("ola", "voice", "new", 60_000, dice, given).kind == "expire"
        assert answers.answer("ola", "voice", "new", 5 * call_ms - 60_000, dice, given).kind == "accept"
        assert answers.answer("ola", "voice", "c0", 5 * call_ms, dice, given).kind == "expire"
        assert answers.answer("ola", "voice", "c0", 5 * call_ms, dice, given).kind == "accept"


def test_who_lets_mail_ring_takes_calls() -> None:
    """Given agents who take each call and let mail ring out, nobody is said to miss a call because of it.
    On a channel that an agent never had they do as others there, and else as they do on other channels."""
    answers = Answers([
        *(Answer("ola", "voice", "accept", 3_000) for _ in range(5)),
        *(Answer("ola", "email", "expire", 30_000) for _ in range(50)),
        *(Answer("jan", "chat", "decline", 1_000) for _ in range(5)),
    ])  # fmt: skip
    for seed in range(50):
        assert drawn(answers, "ola", "voice", seed) == ("accept", 3_000)
        assert drawn(answers, "jan", "voice", seed) == ("accept", 3_000)
        assert drawn(answers, "ola", "chat", seed) == ("decline", 1_000)
        assert drawn(answers, "jan", "social", seed) == ("decline", 1_000)


def test_work_that_an_agent_left_behind_is_the_next_ones() -> None:
    """Given an agent who was lost in the middle and a slower one who ended it, the script is one piece of
    work in both agents' own measure."""
    pace = Pace(agents={"slow": math.log(2)})
    spell = Spell(
        0,
        stints=[
            Stint("quick", 1_000, 0, [Step(40_000, "reply")], ended_ms=61_000),
            Stint("slow", 100_000, 0, [Step(20_000, "message"), Step(80_000, "resolve")], ended_ms=180_000),
        ],
    )
    script = script_of(spell, pace, 999_000)
    assert script is not None
    assert [(step.at_ms, step.kind) for step in script.steps] == [
        (40_000, "reply"),
        (70_000, "message"),
        (100_000, "resolve"),
    ]
    assert (script.work_ms, script.ends) == (100_000, True)
    assert script_of(Spell(0), pace, 999_000) is None
