"""Text of mails: charsets, HTML, and what the sender wrote apart from what they quote.

A quote is found by how the mail programs introduce it, line by line, each line looked at a bounded
number of times, so the cost is linear whatever the text. Three shapes:

  attribution   "W dniu 3.11.2026 o 14:05 Jan pisze:", perhaps over several lines; behind it lines with ">",
                or any lines if it names an address or a time of day: people tell of what somebody wrote, too
  header block  "Od: / Wysłano: / Do: / Temat:" of Outlook; everything behind it is the quote
  separator     "-----Original Message-----"; everything behind it is the quote

Answers written between or below ">" lines are kept. What stands behind a forward's separator is news
to us and is kept. When nothing would be left, the whole text stays: better a quote than silence.
"""

from __future__ import annotations

import codecs
import re
from html import unescape

import chardet
import inscriptis
import nh3

LINE_CHARS_MAX = 400
"""Only so much of a line is looked at for patterns."""
QUOTE_LINES_MAX = 5_000
"""Quotes are looked for in so many lines; what is longer is no letter, and stays."""
HTML_CHARS_MAX = 500_000
"""Longer HTML is cut before it is turned into text."""
GUESS_BYTES_MAX = 16_384
"""A guess of the charset looks at so many bytes."""

# Names that mail programs write and Python does not know.
_CHARSETS = {
    "x-gbk": "gbk",
    "cp-850": "cp850",
    "windows-1250:": "cp1250",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-unknown": "",
    "unknown-8bit": "",
    "default": "",
    "ansi": "",
}


def decode(data: bytes, declared: str | None) -> str:
    """Bytes as text: the declared charset, else UTF-8, else a guess; never raises. No NUL, LF ends."""
    for charset in (declared, "utf-8"):
        codec = _codec(charset)
        if codec is not None:
            try:
                return _tidy(codec.decode(data, "strict")[0])
            except (UnicodeError, ValueError):
                continue
    codec = _codec(_guess(data)) or codecs.lookup("latin-1")
    return _tidy(codec.decode(data, "replace")[0])


def _codec(charset: str | None) -> codecs.CodecInfo | None:
    """The codec of a charset's name; None if there is none that makes text of bytes."""
    name = (charset or "").strip().strip("\"'").lower()[:40]
    name = _CHARSETS.get(name, name)
    if not name or "\0" in name:
        return None
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return codec if getattr(codec, "_is_text_encoding", True) else None


def _guess(data: bytes) -> str | None:
    sample = data[:GUESS_BYTES_MAX]
    return chardet.detect(sample)["encoding"]


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").removeprefix("\ufeff")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


# HTML

DEPTH_MAX = 500
"""Deeper nesting is no letter but an attack: HTML sanitisers need time in its square."""
_NESTING = re.compile(r"<(/?)(?:div|span|table|blockquote|section|article|center|ul|ol|dl)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_QUOTE_OPENS, _QUOTE_ENDS = "\ue000", "\ue001"
_BLOCKQUOTE = re.compile(r"<(/?)blockquote\b[^<>]{0,2000}>", re.IGNORECASE)


def html_to_text(html: str) -> str:
    """What a reader sees of the HTML; quotes get ">" in front of their lines. Never raises."""
    html = html[:HTML_CHARS_MAX].replace(_QUOTE_OPENS, "").replace(_QUOTE_ENDS, "")
    return _marked_quotes(_rendered(_BLOCKQUOTE.sub(_marked, html)))


def _marked(tag: re.Match[str]) -> str:
    return f"<div>{_QUOTE_ENDS}</div>{tag[0]}" if tag[1] else f"{tag[0]}<div>{_QUOTE_OPENS}</div>"


def _rendered(html: str) -> str:
    try:
        text = str(inscriptis.get_text(html))
    except Exception:  # any parser's trouble with hostile HTML
        text = ""
    # Its parser gives up on what is nested too deep: then the words without their layout have to do.
    return text if text.strip() else unescape(_TAG.sub(" ", safe_html(html)))


def _too_deep(html: str) -> bool:
    depth = 0
    for tag in _NESTING.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > DEPTH_MAX:
            return True
    return False


def _marked_quotes(text: str) -> str:
    """Lines between the marks with ">" in front; blank runs shortened."""
    lines: list[str] = []
    depth = 0
    for line in text.replace("\xa0", " ").split("\n"):
        opens, ends = line.count(_QUOTE_OPENS), line.count(_QUOTE_ENDS)
        words = line.replace(_QUOTE_OPENS, "").replace(_QUOTE_ENDS, "").strip()
        depth += opens
        if words or not (opens or ends):
            lines.append(f"{'>' * min(depth, 5)} {words}".rstrip() if depth > 0 else words)
        depth = max(0, depth - ends)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def safe_html(html: str) -> str:
    """HTML that an agent's browser may show: no scripts, styles, forms or handlers."""
    html = html[:HTML_CHARS_MAX]
    if _too_deep(html):
        html = _TAG.sub(" ", html)
    return str(nh3.clean(html)).replace("\0", "") if html else ""


# Quotes

_FORWARD = re.compile(
    r"^[\s\-_=*>]{0,20}(begin forwarded message|forwarded message|fwd message|wiadomość przekazana"
    r"|przekazana wiadomość|przesłana wiadomość|treść przekazanej wiadomości|weitergeleitete nachricht"
    r"|message transféré)\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"^[>\s]{0,4}[-_=*]{2,40}\s{0,4}(original message|original appointment|reply message|oryginalna wiadomość"
    r"|wiadomość oryginalna|wiadomość pierwotna|treść oryginalnej wiadomości|ursprüngliche nachricht"
    r"|originalnachricht|message d'origine|message original|mensaje original|messaggio originale"
    r"|původní zpráva|oorspronkelijk bericht)\b",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s{0,4}[_\-]{10,}\s*$")
_FROM_KEY = re.compile(r"^[>\s*]{0,8}(from|od|von|de|da|van|från|fra|от)\*?\s?:\*?\s?\S", re.IGNORECASE)
_OTHER_KEY = re.compile(
    r"^[>\s*]{0,8}(sent|date|to|cc|subject|wysłano|wyslano|data|do|dw|temat|odpowiedź do|gesendet|an|betreff"
    r"|datum|отправлено|кому|дата|тема|envoyé|à|objet|enviado|para|asunto|inviato|a|oggetto|reply-to|importance|ważność)\*?\s?:\*?",
    re.IGNORECASE,
)
_STARTS = re.compile(
    r"^[>\s\-*]{0,8}(on\b|w dniu\b|dnia\b|am\b|le\b|el\b|il\b|op\b|den\b|dne\b|wiadomość napisana przez"
    r"|(pon|wt|śr|sr|czw|pt|sob|niedz|ndz|nd)\.?,?\s|(poniedziałek|wtorek|środa|czwartek|piątek|sobota|niedziela)\b"
    r"|\d{1,4}[./\-]\d{1,2}[./\-]\d{1,4}\b|\d{1,2} [^\W\d]{3,12}\.? \d{4}\b)",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"(\bwrote|\bnapisał(?:\(a\)|a|/a|\(-a\))?|\bpisze|\bpisał(?:\(a\)|a)?|\bнаписала?|\bпишет|\bschrieb"
    r"|a écrit|\bescribió|ha scritto|\bskrev|\bschreef|\bnapsala?)\s{0,3}[:\-]{1,40}\s*$"
    r"|\bwrote\s?:?\s?-{2,40}\s*$",
    re.IGNORECASE,
)
_ADDRESS_END = re.compile(r"@[^\s@<>]{1,120}>?\s?[>)\]]?:\s*$")
_BY_A_PROGRAM = re.compile(r"@|\b\d{1,2}:\d{2}\b|napisana przez", re.IGNORECASE)
_APPLE_PL = re.compile(r"^[>\s]{0,4}wiadomość napisana przez\b", re.IGNORECASE)
_MOBILE = re.compile(
    r"^\s{0,4}(sent from my|sent from (outlook|mail|yahoo|samsung)|get outlook for|wysłane z|wysłano z"
    r"|wyslane z|pobierz (aplikację )?outlook|von meinem .{0,40} gesendet|envoyé de mon)\b",
    re.IGNORECASE,
)
_ATTRIBUTION_LINES_MAX = 4
_HEADER_LINES_MAX = 9


def visible(text: str) -> str:
    """The text without quoted history, by the rules above."""
    lines = text.split("\n")
    short = [line[:LINE_CHARS_MAX] for line in lines[: QUOTE_LINES_MAX + _HEADER_LINES_MAX]]
    kept: list[str] = []
    i, last = 0, min(len(lines), QUOTE_LINES_MAX)
    while i < last:
        line = short[i]
        if _FORWARD.match(line):
            kept += lines[i:]
            break
        cut = _everything_behind(short, i)
        if cut and any(one.strip() for one in kept):
            break
        quoted_from = _attribution_end(short, i) if not cut else None
        if quoted_from is not None:
            marked = _starts_quote(short, quoted_from)
            if not marked and any(one.strip() for one in kept):
                if any(map(_BY_A_PROGRAM.search, short[i:quoted_from])):
                    break
                kept += lines[i:quoted_from]
            i = quoted_from
            continue
        if cut:  # the mail begins with a header block: it introduces itself, not a quote
            skip = max(cut, 1)
            kept += lines[i : i + skip]
            i += skip
            continue
        if not line.lstrip().startswith(">"):
            kept.append(lines[i])
        i += 1
    else:
        kept += lines[i:]
    left = _without_mobile_signature("\n".join(kept).strip())
    return left or text.strip()


def _everything_behind(lines: list[str], i: int) -> int:
    """How many lines introduce a quote that runs to the end, from line i on; 0: none."""
    line = lines[i]
    if _SEPARATOR.match(line):
        return 1
    if _RULE.match(line):
        following = next((k for k in range(i + 1, min(i + 4, len(lines))) if lines[k].strip()), None)
        return following - i + 1 if following is not None and _header_block(lines, following) else 0
    return _header_block(lines, i)


def _header_block(lines: list[str], i: int) -> int:
    """How many lines a block of copied headers takes from line i on; 0: it is none."""
    if not _FROM_KEY.match(lines[i]):
        return 0
    others, last = 0, i
    for k in range(i + 1, min(i + _HEADER_LINES_MAX, len(lines))):
        if _OTHER_KEY.match(lines[k]):
            others, last = others + 1, k
        elif not lines[k].strip() and others:
            break
    return last - i + 1 if others >= 2 else 0


def _attribution_end(lines: list[str], i: int) -> int | None:
    """The line behind an attribution that starts at line i; None if none starts there."""
    if not _STARTS.match(lines[i]):
        return None
    digits = False
    for k in range(i, min(i + _ATTRIBUTION_LINES_MAX, len(lines))):
        line = lines[k]
        if not line.strip():
            return None
        digits = digits or any(c.isdigit() for c in line)
        apple = _APPLE_PL.match(lines[i]) is not None and line.rstrip().endswith(":")
        if digits and (apple or _ENDS.search(line[-120:]) or _ADDRESS_END.search(line[-160:])):
            return k + 1
    return None


def _starts_quote(lines: list[str], i: int) -> bool:
    """Whether the next line that says something is marked as quoted (or there is none)."""
    for k in range(i, min(i + 6, len(lines))):
        if lines[k].strip():
            return lines[k].lstrip().startswith(">")
    return True


def _without_mobile_signature(text: str) -> str:
    """A last line "Sent from my …" goes, if something stands before it."""
    head, _, last = text.rpartition("\n")
    return head.rstrip() if head.strip() and _MOBILE.match(last[:LINE_CHARS_MAX]) else text
