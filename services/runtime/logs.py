"""What a process writes to standard error: one line for each thing that an operator should know.

Nothing that a customer wrote or is called is ever in it. Our own texts name ids; but an error of somebody
else's code may quote what it was given (a ValueError tells the value), so of those only the class and the
places in the code are written.

`desk`, `conversation` and `trace` are fields of their own, wherever they are known: `about` finds them in an
event. `trace` is the trace's id, or, where nothing is traced, the record_id at the start of the chain without
its r, which is the same for a trace that begins with us.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from services.kernel.errors import CentralaError

FIELDS = ("desk", "conversation", "trace")
LOUD = (
    "aiokafka",
    "services.runtime.kafka_reader",
    "services.runtime.kafka_writer",
    "services.runtime.membership",
    "services.runtime.redis_link",
    "services.runtime.views_feed",
)
"""Loggers that say the same at each trial while brokers or Redis are away: hundreds of lines a second."""
SPARED_S = 10.0
SAID_MAX = 1_000
TOLD = (CentralaError, OSError)
"""Errors whose texts are ours or the system's, and hold no content."""


def set_up(level: str, form: str, stream: TextIO | None = None) -> None:
    """Write to `stream` (standard error) from now on. `form`: text, json, or auto: JSON unless somebody
    reads along on a terminal."""
    handler = logging.StreamHandler(stream)
    is_json = form == "json" or (form == "auto" and not handler.stream.isatty())
    handler.setFormatter(JsonLine() if is_json else TextLine())
    handler.addFilter(Sparing())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def about(event: Any) -> dict[str, str]:
    """For `extra=`: whose an event (a mailbox record, a send) is, and which chain it belongs to."""
    body = getattr(event, event.WhichOneof("body") or "", None) if hasattr(event, "WhichOneof") else None
    trace: bytes = getattr(event, "trace", b"")
    brought = getattr(event, "traceparent", "").split("-")
    origin = getattr(event, "record_id", "") or getattr(event, "origin_id", "")
    return {
        "desk": getattr(event, "desk_id", ""),
        "conversation": getattr(event, "conversation_id", "") or getattr(body, "conversation_id", ""),
        "trace": trace.hex() or (brought[1] if len(brought) == 4 else origin.removeprefix("r")),
    }


class Sparing(logging.Filter):
    """Lets the same words of a logger in LOUD pass once in SPARED_S; the next says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if not record.name.startswith(LOUD):
            return True
        words = record.getMessage()
        key = record.name, record.levelno, words
        since_s, left_out = self._said.get(key, (-SPARED_S, 0))
        if 0 <= record.created - since_s < SPARED_S:
            self._said[key] = since_s, left_out + 1
            return False
        if len(self._said) >= SAID_MAX:
            self._said.clear()
        self._said[key] = record.created, 0
        if left_out:
            record.msg, record.args = f"{words} (and {left_out} times since the last line)", ()
        return True


class JsonLine(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the FIELDS that are known, error."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **_fields(record),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            told["error"] = [{"type": _words(each), "at": list(_places(each))} for each in _chain(error)]
        return json.dumps(told, ensure_ascii=False)


class TextLine(logging.Formatter):
    """The same for people: a line, and below it where an error comes from."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        lines = [f"{_time(record)} {record.levelname} {record.name} {_message(record)}{fields}"]
        error = record.exc_info[1] if record.exc_info else None
        for each in _chain(error) if error is not None else ():
            lines += [f"  {_words(each)}", *(f"    {place}" for place in _places(each))]
        return "\n".join(lines)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """The text; of asyncio's the first line, since the next one quotes whatever error there was."""
    text = record.getMessage()
    return text.split("\n", 1)[0] if record.name == "asyncio" else text


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name in FIELDS if (value := getattr(record, name, ""))}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what has led to it, newest first."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _words(error: BaseException) -> str:
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, TOLD) else name


def _places(error: BaseException) -> Iterator[str]:
    """Where it was, innermost last."""
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} {frame.name}"
