"""Log lines: whose, which chain, and nothing that a customer wrote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from proto.v1.conversations_pb2 import ConversationsEvent, MessageReceived
from proto.v1.inbound_pb2 import AgentRequest, Inbound
from services.kernel.errors import Invalid
from services.runtime import logs

SECRET = "jan@example.pl"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger as it was, afterwards."""
    kept, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = kept
    logging.root.setLevel(level)


def written(form: str, say: Callable[[logging.Logger], None], name: str = "services.test") -> str:
    """What a logger's word becomes."""
    stream = io.StringIO()
    logs.set_up("info", form, stream)
    say(logging.getLogger(name))
    return stream.getvalue()


def failing(error: Exception) -> Callable[[logging.Logger], None]:
    """Logs an error as the services do, one that came of another."""

    def say(log: logging.Logger) -> None:
        try:
            try:
                raise ValueError(SECRET)
            except ValueError as first:
                raise error from first
        except Exception as found:
            log.error("it failed", exc_info=found)

    return say


@pytest.mark.usefixtures("root")
def test_a_line_is_one_json_object() -> None:
    """Time, level, logger and message; desk, conversation and trace where they are known."""
    extra = {"desk": "rowery", "conversation": "", "trace": TRACE}
    line = written("json", lambda log: log.warning("lost %d of\n%s", 3, "ż", extra=extra))
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "warning",
        "logger": "services.test",
        "message": "lost 3 of\nż",
        "desk": "rowery",
        "trace": TRACE,
    }


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_does_not_tell_what_it_was_given(form: str) -> None:
    """Of others' errors only class and place are told, whatever led to ours."""
    text = written(form, failing(RuntimeError(f"cannot read {SECRET}")))
    assert SECRET not in text
    assert "RuntimeError" in text
    assert "ValueError" in text
    assert "test_logs.py" in text


@pytest.mark.usefixtures("root")
def test_our_own_errors_are_told_in_full() -> None:
    """A CentralaError is written in plain words for operators."""
    assert "the port is taken" in written("text", failing(Invalid("the port is taken")))


@pytest.mark.usefixtures("root")
def test_asyncio_quotes_nothing() -> None:
    """What asyncio says of a task that nobody awaited holds the error; only its first line is written."""
    said = f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{SECRET}')>"
    text = written("json", lambda log: log.error(said), "asyncio")
    assert json.loads(text)["message"] == "Task exception was never retrieved"


@pytest.mark.usefixtures("root")
def test_what_no_terminal_shows_is_json() -> None:
    """By default a machine gets JSON."""
    assert json.loads(written("auto", lambda log: log.info("x")))["message"] == "x"


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (
            ConversationsEvent(desk_id="d", origin_id="rab", message=MessageReceived(conversation_id="c1")),
            {"desk": "d", "conversation": "c1", "trace": "ab"},
        ),
        (
            ConversationsEvent(desk_id="d", trace=b"\xab" * 16),
            {"desk": "d", "conversation": "", "trace": "ab" * 16},
        ),
        (
            Inbound(desk_id="d", record_id="rcd", request=AgentRequest(conversation_id="c2")),
            {"desk": "d", "conversation": "c2", "trace": "cd"},
        ),
        (
            Inbound(desk_id="d", record_id="rcd", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"),
            {"desk": "d", "conversation": "", "trace": TRACE},
        ),
    ],
)
def test_an_event_says_whose_it_is(event: Any, wanted: dict[str, str]) -> None:
    """Desk, conversation, and the trace or else the record at the start."""
    assert logs.about(event) == wanted


@pytest.mark.usefixtures("root")
def test_brokers_that_are_away_fill_no_disk() -> None:
    """The same words of a client that tries again and again are written once in a while, with how often they
    were left out; other words, and what our services say, are written each time."""

    def say(log: logging.Logger) -> None:
        for at_s in (0, 1, 9, 9.5, 10, 11):
            for name, words in (("aiokafka.client", "refused"), ("services.ingest", "lost")):
                record = log.makeRecord(name, logging.ERROR, "x.py", 1, words, (), None)
                record.created = 1e9 + at_s
                logging.getLogger(name).handle(record)
        logging.getLogger("aiokafka.client").error("another %s", "word")

    lines = [json.loads(line)["message"] for line in written("json", say).splitlines()]
    assert lines.count("lost") == 6
    assert [line for line in lines if line != "lost"] == [
        "refused",
        "refused (and 3 times since the last line)",
        "another word",
    ]
