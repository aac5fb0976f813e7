"""The words of notices, in Polish and English; other languages read English.

Pure: the same event gives the same words wherever it is rendered, so what is shown in the history is
what was sent. A change of words is a new template version; old ones stay.
"""

from __future__ import annotations

import html
from datetime import datetime
from typing import NamedTuple

from proto.v1.content_pb2 import MessageContent
from proto.v1.desk_pb2 import DeskConfig
from proto.v1.notices_pb2 import SendRequested
from services.notify.quiet import local

TEMPLATE_VERSION = 2
"""What new notices are worded by. 1: the year is said only where the two dates' years differ."""

_WEEKDAYS = {
    "pl": ("poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "pl": (
        "stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca",
        "lipca", "sierpnia", "września", "października", "listopada", "grudnia",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


class _Words(NamedTuple):
    subject: str
    lines: tuple[str, ...]
    """Paragraphs; {now} and {before} are dates, {order} and {desk} names."""
    line_without_before: str
    """The second paragraph where no earlier date was known."""
    about: str


_DELAY = {
    "pl": _Words(
        subject="Zamówienie {order}: nowy termin dostawy",
        lines=(
            "Dzień dobry,",
            "Twoje zamówienie {order} dotrze później, niż planowaliśmy. Nowy termin dostawy: {now} "
            "(wcześniej: {before}).",
            "Przepraszamy za opóźnienie. Nie musisz nic robić, a gdyby termin znów się zmienił, damy znać. "
            "Masz pytanie? Po prostu odpowiedz na tę wiadomość.",
            "{desk}",
        ),
        line_without_before="Twoje zamówienie {order} jest opóźnione. Przewidywany termin dostawy: {now}.",
        about="około",
    ),
    "en": _Words(
        subject="Order {order}: new delivery date",
        lines=(
            "Hello,",
            "Your order {order} will arrive later than planned. New delivery date: {now} (before: {before}).",
            "We are sorry for the delay. There is nothing you need to do, and if the date changes again, "
            "we will let you know. Any questions? Just reply to this message.",
            "{desk}",
        ),
        line_without_before="Your order {order} is delayed. Expected delivery: {now}.",
        about="around",
    ),
}


def language_of(tag: str) -> str:
    """The language that we have words in for a BCP-47 tag."""
    return "pl" if tag.replace("_", "-").partition("-")[0].lower() == "pl" else "en"


def render(requested: SendRequested, desk: DeskConfig) -> MessageContent:
    """The words of a notice: subject, text, and HTML with everything that is not ours escaped. Its dates have
    their year unless all are in the year in which it leaves, by the desk's clocks."""
    language = language_of(requested.language or desk.locale)
    words = _DELAY[language]
    before_ms, now_ms = requested.told_before_ms, requested.told_now_ms
    now = local(desk.time_zone, now_ms)
    before = local(desk.time_zone, before_ms) if before_ms else None
    same_day = before is not None and before.date() == now.date()
    is_first = requested.template_version < 2
    this_year = now.year if is_first else local(desk.time_zone, requested.worded_at_ms).year
    other_year = now.year != this_year or (before is not None and before.year != this_year)
    values = {
        "order": requested.order_id,
        "desk": desk.name,
        "now": _date(now, language, words.about if same_day else "", other_year),
        "before": _date(before, language, words.about if same_day else "", other_year) if before else "",
    }
    lines = list(words.lines)
    if before is None:
        lines[1] = words.line_without_before
    filled = [text for text in (line.format(**values) for line in lines) if text]
    return MessageContent(
        subject=words.subject.format(**values),
        text="\n\n".join(filled),
        html="".join(f"<p>{html.escape(line)}</p>" for line in filled),
        author=desk.name,
    )


def _date(at: datetime, language: str, about: str, with_year: bool) -> str:
    """A date as people say it; with the hour where the day alone would say nothing new."""
    weekday, month = _WEEKDAYS[language][at.weekday()], _MONTHS[language][at.month - 1]
    text = f"{weekday}, {at.day} {month}"
    if with_year:
        text += f" {at.year}"
    return f"{text}, {about} {at.hour}:{at.minute:02d}" if about else text
