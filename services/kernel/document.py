"""Reads a document from outside piece by piece, and notes everything that is wrong with it.

A `Node` is a value and its place. Each way of reading says what must be there; if it is not, the
problem is noted with a JSON pointer (RFC 6901) and a harmless value comes back, so that reading goes
on and all problems are told at once. Rules never repeat a value that may be a secret.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Sequence

from services.kernel.errors import Problem
from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS, NAME_CHARS_MAX

DEPTH_MAX = 16
"""Levels of a document: a desk's configuration has seven."""
VALUES_MAX = 20_000
"""Values in a document: a desk with every list full has fewer."""
TEXT_CHARS_MAX = 2_000
"""Longest text anywhere in a document: the longest URL that is taken everywhere."""
PROBLEMS_MAX = 100
"""Problems that are noted; more help nobody."""
SUGGESTIONS_MAX = 7
"""Problems that come with a guess at what was meant: comparing texts takes long."""
GUESSED_CHARS_MAX = 30
"""Longer texts are not guessed at: the time grows with the square of the length."""
DURATION_MS_MAX = 366 * DAY_MS

_DURATION = re.compile(r"(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")
_URL = re.compile(r"(?i)https?://(?P<user>[^/?#@\s]*@)?(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?([/?#]\S*)?")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of writing (UAX 9), also of whatever is shown behind a name."""
_SECRET = re.compile(r"env:[A-Z][A-Z0-9_]*|file:/[^\x00-\x1f]+")
_OWN_SETTING = "env:CENTRALA_"


class Node:
    """A value of the document and where it stands."""

    __slots__ = ("pointer", "problems", "value")

    def __init__(self, value: object, pointer: str, problems: list[Problem]) -> None:
        self.value = value
        self.pointer = pointer
        self.problems = problems

    def wrong(self, rule: str) -> None:
        """Note that this value breaks a rule, in words that also say what would be right."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(self.pointer, rule))

    def nearest(self, text: str, known: Iterable[str]) -> str:
        """The end of a rule that helps: the nearest of the known ones, or all of them; "" once there are
        more problems than anybody needs help with."""
        return nearest(text, known) if len(self.problems) < SUGGESTIONS_MAX else ""

    def at(self, key: str | int, value: object) -> Node:
        """The node of something inside."""
        part = str(key).replace("~", "~0").replace("/", "~1")
        return Node(value, f"{self.pointer}/{part}", self.problems)

    def fields(self, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Node]:
        """The fields of a map with fixed keys; a null counts as left out."""
        found = {key: node for key, node in self.entries().items() if self._known(node, key, known)}
        found = {key: node for key, node in found.items() if node.value is not None}
        if isinstance(self.value, dict):
            for key in required:
                if key not in found:
                    self.at(key, None).wrong("is required")
        return found

    def _known(self, node: Node, key: str, known: Sequence[str]) -> bool:
        if key in known:
            return True
        node.wrong(f"there is no such key{node.nearest(key, known)}")
        return False

    def entries(self, limit: int = VALUES_MAX) -> dict[str, Node]:
        """The entries of a map with free keys."""
        if not isinstance(self.value, dict):
            self.wrong("must be a map of keys and values")
            return {}
        if len(self.value) > limit:
            self.wrong(f"has {len(self.value)} entries, at most {limit} are taken")
            return {}
        return {str(key): self.at(key, value) for key, value in self.value.items()}

    def items(self, limit: int) -> list[Node]:
        """The items of a list."""
        if not isinstance(self.value, list):
            self.wrong("must be a list")
            return []
        if len(self.value) > limit:
            self.wrong(f"has {len(self.value)} items, at most {limit} are taken")
            return []
        return [self.at(index, value) for index, value in enumerate(self.value)]

    def one_or_more(self, limit: int) -> list[Node]:
        """The items of a list, or a single value as the only one."""
        return self.items(limit) if isinstance(self.value, list) else [self]

    def text(self, chars_max: int = NAME_CHARS_MAX) -> str:
        """A text on one line, not empty."""
        if not isinstance(self.value, str):
            self.wrong("must be a text: put it in quotes")
        elif not self.value.strip():
            self.wrong("must not be empty")
        elif len(self.value) > chars_max:
            self.wrong(f"has {len(self.value)} characters, at most {chars_max} are taken")
        elif any(ord(char) < 32 or ord(char) == 127 for char in self.value):
            self.wrong("must be on one line, without control characters")
        elif not _TURNING.isdisjoint(self.value):
            self.wrong("must be without characters that turn the direction of writing (U+202A to U+2069)")
        else:
            return self.value
        return ""

    def name(self) -> str:
        """A text that names something; a plain number is taken as its digits."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        return self.text()

    def value_text(self) -> str:
        """A value that a label or attribute is compared with; true, false and numbers as they are written."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return self.name() if not isinstance(self.value, float) else str(self.value)

    def matching(self, pattern: re.Pattern[str], rule: str) -> str:
        """A text of a given form; `rule` says which."""
        text = self.name()
        if text and not pattern.fullmatch(text):
            self.wrong(rule)
            return ""
        return text

    def choice(self, known: Iterable[str], what: str) -> str:
        """One of some texts; `what` names them ("a skill of this desk")."""
        text, names = self.name(), list(known)
        if text and text not in names:
            self.wrong(f"{json.dumps(text, ensure_ascii=False)} is not {what}{self.nearest(text, names)}")
            return ""
        return text

    def flag(self) -> bool:
        """true or false."""
        if not isinstance(self.value, bool):
            self.wrong("must be true or false")
            return False
        return self.value

    def integer(self, least: int, most: int) -> int:
        """A whole number in a range."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.wrong(f"must be a whole number from {least} to {most}")
        elif not least <= self.value <= most:
            self.wrong(f"is {str(self.value)[:20]}, must be from {least} to {most}")
        else:
            return self.value
        return least

    def number(self, least: float, most: float) -> float:
        """A number in a range."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.wrong(f"must be a number from {least:g} to {most:g}")
        elif not least <= self.value <= most:
            self.wrong(f"must be from {least:g} to {most:g}")
        else:
            return self.value
        return least

    def days_and_ms(self, least_ms: int = 1_000) -> tuple[int, int]:
        """A duration as whole days and the milliseconds beside them."""
        rule = 'must be a duration such as "20s", "5m", "2h", "3d" or "1h30m"'
        if not isinstance(self.value, str):
            self.wrong(rule)
            return 0, least_ms
        found = _DURATION.fullmatch(self.value.strip())
        if found is None or not found.group(0):
            self.wrong(rule)
            return 0, least_ms
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        ms = hours * HOUR_MS + minutes * MINUTE_MS + seconds * 1_000
        if not least_ms <= days * DAY_MS + ms <= DURATION_MS_MAX:
            self.wrong(f"must be from {least_ms // 1_000}s to {DURATION_MS_MAX // DAY_MS}d")
            return 0, least_ms
        return days, ms

    def duration_ms(self, least_ms: int = 1_000) -> int:
        """A duration in milliseconds; a day has 24 hours."""
        days, ms = self.days_and_ms(least_ms)
        return days * DAY_MS + ms

    def url(self) -> str:
        """An absolute http or https URL without a password in it."""
        text = self.text(TEXT_CHARS_MAX)
        if not text:
            return ""
        found = _URL.fullmatch(text)
        if found is None:
            self.wrong('must be an absolute URL that begins with "https://" or "http://"')
            return ""
        if found.group("user"):
            self.wrong("must not carry a user or password: a configuration is kept and shown")
            return ""
        return text

    def secret(self) -> str:
        """Where a secret lies, never the secret itself, which would be kept and shown for ever."""
        if not isinstance(self.value, str) or not _SECRET.fullmatch(self.value):
            self.wrong(
                "a secret is never written here, because a configuration is kept and shown: "
                'name where it lies, "env:NAME" (capitals) or "file:/PATH"'
            )
            return ""
        if self.value.startswith(_OWN_SETTING):
            self.wrong("the installation's own settings (CENTRALA_...) are no secrets of a channel")
            return ""
        return self.text()


def nearest(text: str, known: Iterable[str]) -> str:
    """The end of a rule that helps: the nearest of the known ones, or all of them."""
    names = sorted(known)
    short = [name for name in names if len(name) <= GUESSED_CHARS_MAX]
    close = difflib.get_close_matches(text, short, n=1, cutoff=0.5) if len(text) <= GUESSED_CHARS_MAX else []
    if close:
        return f'; did you mean "{close[0]}"?'
    shown = ", ".join(f'"{name}"' for name in names[:20])
    return f"; known are {shown}" if shown else "; there are none"


def plain_problems(document: object) -> list[Problem]:
    """What keeps a document from being JSON within the bounds of this module; stops at the first."""
    count = 0
    queue: list[tuple[object, str, int]] = [(document, "", 0)]
    while queue:
        value, pointer, depth = queue.pop()
        count += 1
        if count > VALUES_MAX:
            return [Problem("", f"has more than {VALUES_MAX} values")]
        if depth > DEPTH_MAX:
            return [Problem(pointer, f"is nested more than {DEPTH_MAX} levels deep")]
        rule = _broken(value)
        if rule:
            return [Problem(pointer, rule)]
        here = Node(value, pointer, [])
        if isinstance(value, dict | list):
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            queue.extend((inner, here.at(key, inner).pointer, depth + 1) for key, inner in inside)
    return []


def _broken(value: object) -> str:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return f"its key {str(key)[:40]} must be a text: put it in quotes"
        return next((rule for rule in map(_broken, value) if rule), "")
    if isinstance(value, str):
        if len(value) > TEXT_CHARS_MAX:
            return f"has {len(value)} characters, at most {TEXT_CHARS_MAX} are taken"
        return "" if _encodable(value) else "has half of a surrogate pair: not a text"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "must be a finite number"
    if isinstance(value, int):
        return "" if abs(value) < 2**63 else "is too large a number"
    return "" if value is None or isinstance(value, list) else f"is a {type(value).__name__}, not JSON"


def _encodable(text: str) -> bool:
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in text) if not text.isascii() else True
