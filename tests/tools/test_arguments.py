"""Command lines are refused in plain words, before anything is run."""

from __future__ import annotations

import pytest

import bench.__main__
import sim.__main__

MAINS = {"bench": bench.__main__.main, "sim": sim.__main__.main}
WEEK = "sim week --workload small"
WHATIF = "sim whatif --data . --from 2026-01-05 --to 2026-01-06"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (f"{WHATIF} --jobs 0", "--jobs: must be a whole number of at least 1, not '0'"),
        (f"{WHATIF} --jobs -1", "--jobs: must be a whole number of at least 1, not '-1'"),
        (f"{WEEK} --seed 1 --ring -5", "--ring: must be a number of at least 0, not '-5'"),
        (f"{WEEK} --seed 1 --ring nan", "--ring: must be a number of at least 0, not 'nan'"),
        (f"{WEEK} --seed -1", "--seed: must be a whole number of at least 0, not '-1'"),
        (f"{WEEK} --seed 1 --plot /nonexist/x.svg", "/nonexist/x.svg cannot be written: No such file"),
        ("sim compare --seeds 2001-2000", "--seeds takes FIRST-LAST, such as 2000-2039"),
        ("sim compare --seeds 2000", "an interval needs two weeks or more"),
        ("sim theory --models nope*", "none is like 'nope*'; there are erlang-"),
        ("bench decide --agents 0", "--agents: must be a whole number of at least 1, not '0'"),
        (
            "bench rpc --directory /nonexist",
            "--directory: must be a directory that is there, not '/nonexist'",
        ),
        ("bench burst --agents 0", "--agents: must be a whole number of at least 1, not '0'"),
        ("bench restore --events 1", "--events: must be a whole number of at least 10000, not '1'; 0 leaves"),
        (
            "bench restore --open 5",
            "--open: must be a whole number of at least 1000, not '5'; 0 leaves it out",
        ),
        ("bench rpc --seconds 0", "--seconds: must be a number of at least 0.1, not '0'"),
        ("bench rpc --rounds 0", "--rounds: must be a whole number of at least 1, not '0'"),
        ("bench shadow --rounds 0", "--rounds: must be a whole number of at least 1, not '0'"),
        ("bench shadow --policy nope", "no policy 'nope': there are "),
        ("bench burst --policies default,nope", "no policy 'nope': there are "),
        ("bench pipeline --rate 0", "--rate: must be a whole number of at least 1, not '0'"),
        ("bench chaos --rate 0", "--rate: must be a number of at least 1, not '0'"),
        ("bench chaos --minutes 0", "--minutes: must be a number of at least 0.2, not '0'"),
        ("bench kills --n -1", "--n: must be a whole number of at least 4, not '-1'"),
        ("bench kills --rate 0", "--rate: must be a number of at least 1, not '0'"),
        ("bench embedded --rate -5", "--rate: must be a number of at least 1, not '-5'"),
        ("bench embedded --seconds 0", "--seconds: must be a number of at least 1, not '0'"),
        ("bench embedded --agents 0", "--agents: must be a whole number of at least 1, not '0'"),
        ("bench burst --waiting 0", "--waiting: must be a whole number of at least 1, not '0'"),
    ],
)
def test_values_without_sense_are_refused(
    command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number, a range, a pattern or a place that makes no sense gives exit code 2 and says why."""
    program, *given = command.split()
    with pytest.raises(SystemExit) as ended:
        MAINS[program](given)
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert words in told.err
