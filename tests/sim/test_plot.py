"""The picture of a week."""

from __future__ import annotations

from xml.etree import ElementTree

from sim.plot import COLUMN, PANEL, plot
from tests.sim.test_week import played
from tests.sim.worlds import contact, person, shop

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_high_as_what_came_and_broke() -> None:
    """Three chats fill the only agent, a mail is answered too late: bars and lines say just that."""
    of = shop(person("anna"))
    week = played(*[contact(10, "chat", work=9_000) for _ in range(3)], contact(20, "email"), of=of)
    drawn = ElementTree.fromstring(plot(week, "a <week>"))
    bars = [bar for bar in drawn.iter(f"{SVG}rect") if bar.get("width") == str(COLUMN - 2)]
    chats, mail, broken = (float(bar.get("height", "")) for bar in bars)
    assert (chats, mail, broken) == (PANEL * 3 / 4, PANEL / 4, PANEL)
    assert len(list(drawn.iter(f"{SVG}polyline"))) == len(of.channels)
    assert "a <week>" in [text.text for text in drawn.iter(f"{SVG}text")]
