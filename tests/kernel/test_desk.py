"""A desk's configuration: what is taken, what it means, and what is said of everything else."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.v1.desk_pb2 import AGENT_KIND_BOT, SMTP_TLS_IMPLICIT, SMTP_TLS_STARTTLS, DeskConfig
from services.kernel.desk import (
    SECTIONS,
    attributes_named,
    parse_agent,
    parse_desk,
    span_for,
    units_for,
    when_matches,
)
from services.kernel.errors import Invalid
from services.runtime.desk_file import load_document

ROOT = pathlib.Path(__file__).parents[2]
LEAST: dict[str, Any] = {
    "name": "Shop",
    "channels": [{"channel": "chat", "account": "www"}],
    "skills": ["zwroty"],
}
CANONICAL = '{"channels":[{"account":"www","channel":"chat"}],"name":"Shop","skills":["zwroty"]}'


def yaml(text: str) -> object:
    """The values of a YAML text."""
    return load_document(text.encode(), "application/yaml")


def parsed(**sections: Any) -> DeskConfig:
    """The desk of the least document with these sections."""
    return parse_desk(LEAST | sections).desk


def problems(**sections: Any) -> dict[str, str]:
    """Pointers and rules of the least document with these sections."""
    with pytest.raises(Invalid) as caught:
        parse_desk(LEAST | sections)
    return {problem.pointer: problem.rule for problem in caught.value.problems}


NOWHERE = "refused without a place"


def pointers(document: object) -> list[str]:
    """Pointers of what is wrong; none if it is taken."""
    try:
        parse_desk(document)
    except Invalid as error:
        return [problem.pointer for problem in error.problems] or [NOWHERE]
    return []


def test_the_shared_example_is_taken_and_says_what_waits() -> None:
    """Everything of the surface's example holds; what is not in effect is named."""
    path = ROOT.parent / "shared" / "desk.example.yaml"
    if not path.exists():
        pytest.skip("the example does not lie beside the project")
    document = parse_desk(load_document(path.read_bytes(), "application/yaml"))
    assert document.not_in_effect == [
        "/bots/human_when/intent",
        "/bots/human_when/mood",
        "/holidays",
        "/notices/at_most",
        "/notices/first_answer",
        "/notices/survey",
        "/sla/1/silence",
    ]
    desk = document.desk
    assert [(r.weekday, r.start_min, r.end_min) for r in desk.hours][-2:] == [(5, 750, 1200), (6, 600, 840)]
    assert desk.accounts[1].smtp_port == 587
    assert desk.sla[0].resolution["default"].business_days == 1
    assert desk.sla[1].first_response["chat"].ms == 60_000
    assert [step.to for step in desk.sla[0].escalate][:2] == ["lead", "10"]
    assert desk.bots.order_value_over_minor == 150_000
    assert (desk.notices.quiet_start_min, desk.notices.quiet_end_min) == (1260, 480)
    assert desk.notices.delay_on
    assert dict(desk.queues[1].relax[0].requires) == {}
    assert attributes_named(desk) == {"topic", "tier"}
    assert json.loads(document.source_json)["hours"]["sat"] == ["10:00-14:00"]


def test_our_own_example_is_taken_and_all_in_effect() -> None:
    """The example of the documentation holds, with nothing in it that waits."""
    raw = (ROOT / "docs" / "desk.example.yaml").read_bytes()
    document = parse_desk(load_document(raw, "application/yaml"))
    assert document.not_in_effect == []
    assert [(r.weekday, r.start_min, r.end_min) for r in document.desk.hours if r.end_min in (60, 1440)] == [
        (1, 0, 60),
        (7, 1080, 1440),
    ]


def test_a_name_channels_and_skills_are_enough() -> None:
    """Everything else has a default; the whole is the same again from its canonical JSON."""
    document = parse_desk(LEAST)
    desk = document.desk
    assert (desk.locale, desk.time_zone, len(desk.hours)) == ("en", "UTC", 0)
    assert [queue.name for queue in desk.queues] == ["default"]
    assert desk.routing.offer_expires_ms == 20_000
    assert desk.sla[0].first_response["default"].ms > 0
    assert desk.bots.asked
    assert desk.accounts[0].units == 30
    assert document.not_in_effect == []
    assert document.source_json == CANONICAL
    assert parse_desk(json.loads(document.source_json)) == document


def test_every_problem_is_told_at_once() -> None:
    """One answer names all places, and each rule says what would be right."""
    found = problems(
        time_zone="Europe/Warsav",
        queuse=[],
        channels=[{"channel": "chat", "account": "www", "unit": 30}, {"channel": "email"}],
        sla=[{"name": "a", "first_response": "soon", "resolution": {"chta": "1h"}}],
        routing={"preset": "longest"},
    )
    assert set(found) == {
        "/time_zone",
        "/queuse",
        "/channels/0/unit",
        "/channels/1/account",
        "/sla/0/first_response",
        "/sla/0/resolution/chta",
        "/routing/preset",
    }
    assert found["/queuse"] == 'there is no such key; did you mean "queues"?'
    assert found["/sla/0/resolution/chta"].endswith('did you mean "chat"?')
    assert "Europe/Warsaw" in found["/time_zone"]
    assert '"longest_idle"' in found["/routing/preset"]


@pytest.mark.parametrize(
    ("sections", "pointer", "rule"),
    [
        ({"name": ""}, "/name", "must not be empty"),
        ({"name": "\u202eoknalp"}, "/name", "turn the direction of writing"),
        ({"skills": ["a\u2066"]}, "/skills/0", "turn the direction of writing"),
        ({"name": None}, "/name", "is required"),
        ({"locale": "xx"}, "/locale", '"xx" is no language'),
        ({"languages": ["pl", "pt-BR", "qq-PL"]}, "/languages/2", '"qq-PL" is no language'),
        (
            {"queues": [{"name": "a", "when": {"language": ["PL"]}}, {"name": "b"}]},
            "/queues/0/when/language/0",
            "must be a language tag",
        ),
        ({"channels": [{"channel": "email", "account": "help"}]}, "/channels/0/account", "of a mailbox"),
        ({"channels": []}, "/channels", "at least one"),
        ({"channels": [{"channel": "E-Mail", "account": "a"}]}, "/channels/0/channel", "small letters"),
        ({"channels": [{"channel": "chat", "account": "a"}] * 2}, "/channels/1", "listed twice"),
        ({"channels": [{"channel": "chat", "account": "a", "units": 0}]}, "/channels/0/units", "from 1"),
        (
            {"channels": [{"channel": "chat", "account": "a", "smtp": {"host": "h"}}]},
            "/channels/0/smtp",
            "only a channel email",
        ),
        (
            {"channels": [{"channel": "email", "account": "a@b", "smtp": {"host": "h", "user": "u"}}]},
            "/channels/0/smtp",
            "go together",
        ),
        (
            {"channels": [{"channel": "telegram", "account": "a", "base_url": "ftp://x"}]},
            "/channels/0/base_url",
            "https",
        ),
        ({"skills": ["a", "a"]}, "/skills/1", "listed twice"),
        ({"hours": {}}, "/hours", "no day is open"),
        ({"hours": {"monday": "08:00-16:00"}}, "/hours/monday", 'write "mon"'),
        ({"hours": {"mon": 480}}, "/hours/mon", "in quotes"),
        ({"hours": {"mon": "08:00-25:00"}}, "/hours/mon", "range of times"),
        ({"hours": {"mon": "08:00-08:00"}}, "/hours/mon", "00:00-24:00"),
        ({"hours": {"mon": ["08:00-12:00", "11:00-16:00"]}}, "/hours/mon", "overlap"),
        ({"hours": {"sun": "22:00-02:00", "mon": "01:00-03:00"}}, "/hours/mon", "overlap"),
        ({"hours": {"mon-fri": "08:00-16:00", "fri": "08:00-14:00"}}, "/hours/fri", "set by mon-fri"),
        ({"holidays": {"also": ["2026-02-30"]}}, "/holidays/also/0", "2026-12-24"),
        ({"holidays": {"country": "Poland"}}, "/holidays/country", '"PL"'),
        ({"queues": [{"name": "a"}, {"name": "b"}]}, "/queues/0", "only the last"),
        ({"queues": [{"name": "a", "when": {"mood": ["x"]}}]}, "/queues/0/when", "it has no when"),
        (
            {"queues": [{"name": "a", "when": {"mood": ["x"]}}, {"name": "a"}]},
            "/queues/1/name",
            "has this name",
        ),
        ({"queues": [{"name": "a", "requires": {"zwrot": 1}}]}, "/queues/0/requires/zwrot", '"zwroty"'),
        ({"queues": [{"name": "a", "requires": {"zwroty": 6}}]}, "/queues/0/requires/zwroty", "from 1 to 5"),
        ({"queues": [{"name": "a", "priority": 11}]}, "/queues/0/priority", "from 1 to 10"),
        ({"queues": [{"name": "a", "when": {"intnt": ["x"]}}]}, "/queues/0/when/intnt", '"intent"'),
        ({"queues": [{"name": "a", "when": {"mood": []}}]}, "/queues/0/when/mood", "at least one"),
        ({"sla": [{"name": "a", "warn_at": 1}]}, "/sla/0/warn_at", "0.999"),
        ({"sla": [{"name": "a", "first_response": "0s"}]}, "/sla/0/first_response", "from 1s"),
        ({"sla": [{"name": "a", "first_response": 300}]}, "/sla/0/first_response", '"5m"'),
        ({"sla": [{"name": "a", "escalate": [{"at": "breach"}]}]}, "/sla/0/escalate/0/do", "required"),
        (
            {"sla": [{"name": "a", "escalate": [{"at": "breach", "do": "notify"}]}]},
            "/sla/0/escalate/0",
            "/leads lists nobody",
        ),
        (
            {"sla": [{"name": "a", "escalate": [{"at": "breach", "do": "raise_priority"}]}]},
            "/sla/0/escalate/0/to",
            "from 1 to 10",
        ),
        (
            {"sla": [{"name": "a", "escalate": [{"at": "breach", "do": "reassign", "to": "x"}]}]},
            "/sla/0/escalate/0/to",
            "has no to",
        ),
        ({"bots": {"human_when": {"asked": "yes"}}}, "/bots/human_when/asked", "true or false"),
        ({"notices": {"quiet": 1260}}, "/notices/quiet", "in quotes"),
        ({"notices": {"survey": {"at_most": {"per_moon": 1}}}}, "/notices/survey/at_most/per_moon", "month"),
        ({"webhooks": [{"url": "erp.example"}]}, "/webhooks/0/url", "https"),
        ({"webhooks": [{"url": "https://a:b@erp.example"}]}, "/webhooks/0/url", "password"),
        ({"webhooks": [{"url": "https://a", "events": ["sla.breach"]}]}, "/webhooks/0/events/0", "breached"),
    ],
)
def test_each_rule_is_told_in_words_where_it_is_broken(
    sections: dict[str, Any], pointer: str, rule: str
) -> None:
    """A pointer to the place, and what would be right."""
    assert rule in problems(**sections)[pointer]


@pytest.mark.parametrize("secret", ["hunter2", "env:", "file:", 12, "ENV:X", "env:CENTRALA_MASTER_KEY"])
def test_a_literal_secret_is_refused_and_never_repeated(secret: object) -> None:
    """Secrets are named; what was written by mistake is not said back, nor may the own settings be named."""
    found = problems(channels=[{"channel": "telegram", "account": "bot", "secret": secret}])
    rule = found["/channels/0/secret"]
    assert "env:NAME" in rule or "CENTRALA_" in rule
    assert "hunter2" not in rule


def test_ports_follow_from_encryption_and_the_other_way_round() -> None:
    """465 means TLS from the start; STARTTLS on 587 is the default."""

    def smtp(**more: Any) -> Any:
        account = {"channel": "email", "account": "a@b", "smtp": {"host": "h"} | more}
        return parsed(channels=[account]).accounts[0]

    assert (smtp().smtp_port, smtp().smtp_tls) == (587, SMTP_TLS_STARTTLS)
    assert smtp(port=465).smtp_tls == SMTP_TLS_IMPLICIT
    assert smtp(tls="implicit").smtp_port == 465
    assert smtp(tls="none").smtp_port == 25


@pytest.mark.parametrize(
    ("text", "days", "ms"),
    [("20s", 0, 20_000), ("5m", 0, 300_000), ("2h", 0, 7_200_000), ("3d", 3, 0), ("1d2h", 1, 7_200_000)],
)
def test_durations(text: str, days: int, ms: int) -> None:
    """Days of a promise are business days, the rest is open time."""
    span = parsed(sla=[{"name": "a", "resolution": text}]).sla[0].resolution["default"]
    assert (span.business_days, span.ms) == (days, ms)


def test_hours_over_midnight_and_over_sunday() -> None:
    """A night shift is cut at midnight; a range of days may run over the week's end."""
    week = parsed(hours={"sat-mon": "22:00-02:00", "wed": ["00:00-24:00"], "thu": []}).hours
    assert [(r.weekday, r.start_min, r.end_min) for r in week] == [
        (1, 0, 120),
        (1, 1320, 1440),
        (2, 0, 120),
        (3, 0, 1440),
        (6, 1320, 1440),
        (7, 0, 120),
        (7, 1320, 1440),
    ]


@pytest.mark.parametrize("document", [None, [], "x", 1, {1: 2}, {"name": "\ud800"}, {"name": float("nan")}])
def test_what_is_no_document_is_refused(document: object) -> None:
    """Anything but a map of texts is told what it should be."""
    with pytest.raises(Invalid):
        parse_desk(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS), JSON))
def test_nothing_but_invalid_is_ever_raised(sections: dict[str, Any]) -> None:
    """Whatever stands in a section, the answer names places that exist in the document."""
    assert all(pointer == "" or pointer.startswith("/") for pointer in pointers(LEAST | sections))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_spoiled_example_is_refused_where_it_is_spoiled(data: st.DataObject) -> None:
    """Any one value of a good document replaced by nonsense: still an answer in words."""
    document: Any = yaml((ROOT / "docs" / "desk.example.yaml").read_text())
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = inner
    assert NOWHERE not in pointers(document)


def test_conditions_are_any_of_any() -> None:
    """Any listed value of any named label or attribute; nothing named always fits."""
    queues = [{"name": "a", "when": {"mood": ["angry", "sad"], "attributes.vip": [True, 1]}}, {"name": "b"}]
    desk = parsed(queues=queues)
    when = desk.queues[0].when
    assert when_matches(when, {"mood": "sad"}, {})
    assert when_matches(when, {"mood": "glad"}, {"vip": "true"})
    assert when_matches(when, {}, {"vip": "1"})
    assert not when_matches(when, {"mood": ""}, {"mood": "sad"})
    assert not when_matches(when, {}, {})
    assert when_matches(desk.queues[1].when, {}, {})


def test_spans_and_units_by_channel() -> None:
    """The channel's own, else the default; units of an account, else of the channel."""
    desk = parsed(
        channels=[{"channel": "chat", "account": "www", "units": 7}],
        sla=[{"name": "a", "first_response": {"chat": "1m"}, "next_response": "1h"}],
    )
    chat, other = span_for(desk.sla[0].first_response, "chat"), span_for(desk.sla[0].next_response, "email")
    assert chat is not None
    assert other is not None
    assert (chat.ms, other.ms) == (60_000, 3_600_000)
    assert span_for(desk.sla[0].first_response, "email") is None
    assert units_for(desk, "chat", "www") == 7
    assert units_for(desk, "email", "x") == 10
    assert units_for(desk, "pigeon", "x") == 30


def test_agents() -> None:
    """An agent's skills are the desk's; everything has a default."""
    desk = parsed()
    agent = parse_agent("ola", {"skills": {"zwroty": 3}, "languages": {"pl": 5}, "kind": "bot"}, desk)
    assert (agent.name, agent.kind, agent.capacity) == ("ola", AGENT_KIND_BOT, 100)
    assert dict(agent.skills) == {"zwroty": 3}
    with pytest.raises(Invalid) as caught:
        parse_agent(
            "ola",
            {"skills": {"zwrot": 3, "zwroty": 9}, "capacity": 0, "channels": ["fax"], "kind": "it", "x": 1},
            desk,
        )
    assert {problem.pointer for problem in caught.value.problems} == {
        "/skills/zwrot",
        "/skills/zwroty",
        "/capacity",
        "/channels/0",
        "/kind",
        "/x",
    }
