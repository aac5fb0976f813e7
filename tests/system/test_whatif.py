"""A real log: decided anew it is the same, played again it answers what if, and a shadow stands beside it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sim.redecide import redecide
from tests.system.outside import NEWEST, chat_message, desk_config
from tests.system.traffic import busy_hour, set_up
from tests.system.world import ROOT, World, start_embedded
from tools.stored import StoredLogs

pytestmark = pytest.mark.servers

OTHER = "/v1/desks/kwiaty"


async def second_desk(world: World) -> None:
    """Flowers: five customers, two agents, a shadow; offers are taken and declined, work is resolved."""
    shadow = {"policy": "longest_idle", "shadow": {"policy": {"like": "default", "name": "nasza"}}}
    await world.must("PUT", OTHER, desk_config(name="Kwiaty", routing=shadow))
    for agent in ("ela", "iga"):
        await world.know_agent(agent, "kwiaty")
        online = {"state": "online", "ttl_s": 3600}
        await world.must("PUT", f"{OTHER}/agents/{agent}/presence", online)
    for n in range(5):
        sender = {"address": f"gosc{n}@example.pl", "name": f"Gość {n}"}
        await world.must("POST", f"{OTHER}/messages", chat_message(f"k{n}", "Czy są róże?", sender))
    found = await world.must("GET", f"{OTHER}/conversations", params={"after": NEWEST})
    for n, one in enumerate(sorted(found["items"], key=lambda row: str(row["id"]))):
        whole = await world.must("GET", f"{OTHER}/conversations/{one['id']}")
        offer = whole["offer"]
        answer = "decline" if n == 0 else "accept"
        await world.must("POST", f"{OTHER}/offers/{offer['offer_id']}/{answer}", {"agent": offer["agent"]})
        if answer == "accept":
            done = {"agent": offer["agent"], "reason": "ok"}
            await world.must("POST", f"{OTHER}/conversations/{one['id']}/resolve", done)


async def sim(*arguments: str) -> tuple[int, str, str]:
    """The simulator as a program; its exit code and what it printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sim",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


async def test_a_running_desks_log_answers_what_if(tmp_path: Path) -> None:
    """Given traffic of two desks, the running process's log is decided anew without a difference, and played
    again under another policy from the same directory; so is a copy of it. The shadow's figures are there."""
    data = tmp_path / "data"
    data.mkdir()
    async with start_embedded(data) as world:
        await set_up(world)
        await busy_hour(world)
        await second_desk(world)
        begin, end = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
        period = ("--from", begin.isoformat(), "--to", end.isoformat(), "--json")
        await decided_the_same(data)
        code, out, err = await sim(
            "whatif",
            "--data",
            str(data),
            "--desk",
            "kwiaty",
            *period,
            "--policy",
            "round_robin",
            "--seeds",
            "2",
        )
        assert (code, err) == (0, "")
        answer = json.loads(out)
        assert (
            answer["calibration"]["recorded"]["arrived"] == answer["calibration"]["replayed"]["arrived"] == 5
        )
        assert answer["difference"]["arrived"] == [0, 0]
        assert set(answer["sentence"]) == {"pl", "en"}
        shadow = await world.must("GET", f"{OTHER}/shadow")
        check_shadow(shadow)
        assert (await world.must("GET", "shadow"))["on"] is False
    copied = tmp_path / "copy"
    shutil.copytree(data, copied)
    assert redecide(StoredLogs(copied), 0).first == ""
    await mistakes_are_told(copied, period)


async def mistakes_are_told(copied: Path, period: tuple[str, ...]) -> None:
    """What is missing or unknown is said in words, with what would be right."""
    for said, words in (
        (
            ("--desk", "nikt", "--policy", "priority"),
            "there is no desk 'nikt' in this log: it knows kwiaty, rowery",
        ),
        (("--policy", "priority"), "say which desk with --desk: the log knows kwiaty, rowery"),
        (("--desk", "kwiaty"), "say what to change"),
    ):
        code, out, err = await sim("whatif", "--data", str(copied), *period, *said)
        assert (code, out) == (2, "")
        assert words in err
    quiet = ("--from", "2020-01-01", "--to", "2020-01-02")
    code, _, err = await sim(
        "whatif", "--data", str(copied), "--desk", "kwiaty", "--policy", "priority", *quiet
    )
    assert code == 2
    assert "no configuration yet" in err or "nobody wrote" in err


async def decided_the_same(data: Path) -> None:
    """The program finds no difference in a log that is being written."""
    code, out, err = await sim("redecide", "--data", str(data), "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["differences"] == 0
    assert told["decisions"] > 40


def check_shadow(shadow: dict[str, Any]) -> None:
    """Both names, and counts that add up."""
    assert shadow["on"] is True
    assert shadow["policy"] == {"live": "longest_idle", "shadow": "nasza"}
    assert shadow["compared"] >= 6
    assert shadow["failed"] is None
    assert [row["channel"] for row in shadow["by_channel"]] == ["chat"]


async def test_a_bad_shadow_is_refused_by_its_pointer(tmp_path: Path) -> None:
    """Given a shadow that is no policy, the desk is refused, and every mistake in it is named."""
    data = tmp_path / "data"
    data.mkdir()
    async with start_embedded(data) as world:
        bad = desk_config(routing={"shadow": {"policy": {"order": "alphabet"}, "since": 1}})
        answer = await world.call("PUT", "/v1/desks/rowery", bad)
        assert answer.status_code == 422
        pointers = {problem["pointer"] for problem in answer.json()["errors"]}
        assert pointers == {"/routing/shadow/policy/order", "/routing/shadow/since"}
