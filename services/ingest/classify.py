"""Labels at the edge: what a classifier can tell of a message, before it is written and sealed.

Language by py3langid among the desk's languages and their neighbours (so that a Czech mail is not
called Polish), and only when it is sure; a wish for a human by phrases in Polish and English that
say so and mean now. Intent and mood need a better judge than patterns: they stay absent.
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import re
import tempfile
from collections.abc import Iterable
from typing import Any

from services.kernel.errors import Invalid

LANGUAGE_CHARS_MAX = 400
"""Enough text to tell a language by; the cost grows with it (about 0.1 µs a character)."""
LANGUAGE_LETTERS_MIN = 4
"""Fewer letters ("ok", "hm") say nothing."""
LANGUAGE_SURE = 0.7
"""Least probability among the candidates. Measured on short customer lines: "Hello" 0.24 and "thanks"
0.51 stay open, "refund please" 0.86 and "Zwrot towaru" 0.77 are told."""
NEIGHBOURS = ("pl", "en", "de", "cs", "sk", "uk", "ru", "fr", "es", "it", "lt")
"""Candidates beside the desk's own: what a shop's customers in Europe write in most."""
WISH_CHARS_MAX = 2_000
COMMON = {
    "pl": frozenset(
        """gdzie jest moja mój moje czy proszę prosze dzień dzien dobry się już jestem chcę chciałbym
        chciałabym mogę kiedy dlaczego został została zamówienie zamówienia przesyłka przesyłki paczki
        paczkę zwrot dziękuję pozdrawiam jeszcze który która które oraz przez żeby ponieważ tylko witam
        cześć dostałem dostałam""".split()
    ),
    "en": frozenset(
        """the where please have you this with when what would could i'd i'm want your thank thanks
        received delivery been they didn't haven't""".split()
    ),
}
"""Words that are common in one of these languages and are none of its neighbours': a few of one and none
of the other settle it for a tenth of the model's cost."""
COMMON_HITS = 2
"""So many different ones settle it; English, whose words travel, needs one more."""
_WORDS = re.compile(r"[\w']+")


class Languages:
    """Language identification. The model takes a second and 50 MB, so it is loaded on first use."""

    def __init__(self) -> None:
        self._model: Any = None
        self._loading: asyncio.Future[Any] | None = None
        self._by_set: dict[frozenset[str], Any] = {}

    async def load(self) -> None:
        """Make `tell` work; the model is read in a thread, once."""
        if self._model is None:
            if self._loading is None:
                self._loading = asyncio.ensure_future(asyncio.to_thread(_read_model))
            self._model = await asyncio.shield(self._loading)

    @property
    def loaded(self) -> bool:
        """Whether `tell` can be asked."""
        return self._model is not None

    def tell(self, text: str, languages: Iterable[str]) -> str:
        """The one of `languages` that the text is written in; "" when nobody could tell.

        `languages` are BCP-47 tags; the tag as the desk writes it comes back.
        """
        tags = {tag.partition("-")[0].lower(): tag for tag in languages}
        sample = text[:LANGUAGE_CHARS_MAX]
        if not tags or sum(map(str.isalpha, sample[:80])) < LANGUAGE_LETTERS_MIN:
            return ""
        common = _by_common_words(sample)
        if common in tags:
            return tags[common]
        found, sure = self._for(frozenset(tags)).classify(sample)
        return tags.get(found, "") if sure >= LANGUAGE_SURE else ""

    def _for(self, tags: frozenset[str]) -> Any:
        narrowed = self._by_set.get(tags)
        if narrowed is None:
            narrowed = copy.copy(self._model)
            known = set(self._model.labels)
            narrowed.set_languages(sorted(known & (tags | set(NEIGHBOURS))))
            self._by_set[tags] = narrowed
        return narrowed


def _by_common_words(sample: str) -> str:
    words = set(_WORDS.findall(sample.lower()))
    polish, english = len(words & COMMON["pl"]), len(words & COMMON["en"])
    if polish >= COMMON_HITS and not english:
        return "pl"
    return "en" if english > COMMON_HITS and not polish else ""


def _read_model() -> Any:
    """The model; py3langid unpacks it into a temporary file. Raises Invalid where that has no room."""
    langid = importlib.import_module("py3langid.langid")
    try:
        return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    except OSError as error:
        raise Invalid(
            f"the language model cannot be unpacked in {tempfile.gettempdir()}: {error.strerror}. "
            "It needs 70 MB there for a moment; TMPDIR names another directory"
        ) from error


# A wish for a human: somebody who wants to reach a person, now. Folded: lower case, no diacritics.
_PERSON_PL = (
    r"(?:(?:zyw\w+|prawdziw\w+|jakim\w*|kim\w*|waszym\w*|panstwa|pani\w*)\s+){0,2}"
    r"(?:czlowiek\w*|konsultant\w*|doradc\w*|pracownik\w*|operator\w*|osob\w*|ludzm\w*|ludzi\w*|agent\w*"
    r"|kims\b|kogos\b|kierownik\w*|obslug\w*)"
)
_WANT_PL = (
    r"(?:chce|chcemy|chcialbym|chcialabym|chcielibysmy|wole|wolalbym|wolalabym|prosze|poprosze|moge|mozna"
    r"|musze|potrzebuje)"
)
_PERSON_EN = (
    r"(?:(?:a|an|the|some|your|real|actual|live|human|customer|service|support|sales)\s+){0,4}"
    r"(?:human|humans|person|people|agent|representative|rep|operator|advisor|adviser|consultant"
    r"|somebody|someone|manager|supervisor|human being)"
)
_WISHES = (
    # "chcę (po)rozmawiać z człowiekiem", "proszę o kontakt z konsultantem", "połącz mnie z doradcą"
    r"\b"
    + _WANT_PL
    + r"\s+(?:\w+\s+){0,2}(?:porozmawiac|rozmawiac|rozmowy|rozmowe|kontaktu|kontakt|pogadac|pisac"
    r"|polaczenie|polaczenia|polaczyc|skontaktowac)\s+(?:\w+\s+){0,1}(?:z|ze)\s+" + _PERSON_PL,
    # "czy mogę z kimś porozmawiać"
    r"\b" + _WANT_PL + r"\s+(?:z|ze)\s+" + _PERSON_PL + r"\s+(?:porozmawiac|rozmawiac|pogadac)\b",
    r"\bprosze\s+(?:mnie\s+)?(?:przelaczyc|przekierowac|polaczyc)\s+(?:mnie\s+)?(?:z|ze|do|na)\s+"
    + _PERSON_PL,
    r"\b(?:potrzebuje|potrzebujemy)\s+(?:zywego\s+|prawdziwego\s+)?(?:czlowieka|konsultanta|doradcy)\b",
    r"\b(?:jest|czy)\s+(?:tam|tu)\s+(?:jakis|jakikolwiek|zywy|prawdziwy)\s+(?:czlowiek|konsultant)\b",
    r"\b(?:polacz|polaczcie|przelacz|przelaczcie|przekieruj|przekierujcie|daj|dajcie)\s+(?:mnie\s+|mi\s+)?"
    r"(?:prosze\s+)?(?:(?:z|ze|do|na)\s+)?" + _PERSON_PL,
    r"\b(?:prosze|poprosze)\s+(?:o\s+)?(?:polaczenie|przelaczenie|przekierowanie|rozmowe)\s+"
    r"(?:mnie\s+)?(?:z|ze|do)\s+" + _PERSON_PL,
    r"\bchce\s+(?:\w+\s+){0,1}(?:zywego|prawdziwego)?\s*(?:czlowieka|konsultanta)\b",
    r"^\W*(?:czlowiek|czlowieka|konsultant|konsultanta|doradca)\W*(?:prosze|poprosze)?\W*$",
    r"\b(?:poprosze|prosze\s+o)\s+(?:zywego\s+|prawdziwego\s+)?(?:czlowieka|konsultanta|doradce)\b",
    r"\bnie\s+(?:chce|bede)\s+(?:\w+\s+){0,1}(?:rozmawiac|gadac|pisac)\s+z\s+(?:\w+\s+){0,1}"
    r"(?:bot|robot|automat|ai)\w*",
    # "I want to talk to a human", "can I speak with an agent", "connect me to a representative"
    r"\b(?:want|need|like|love|prefer|can i|could i|may i|let me|please|have|wish|able)\s+"
    r"(?:\w+\s+){0,2}?(?:to\s+)?(?:talk|speak|chat|write|connected|transferred|get)"
    r"\s+(?:to|with|through to)\s+(?:"
    + _PERSON_EN
    + r"\b(?!')|(?:customer|client)\s+(?:service|support|care)\b)",
    r"\bis\s+there\s+(?:a\s+|an\s+)?(?:real\s+|live\s+|actual\s+)?(?:human|person|agent)\s+(?:i\s+can\s+)?(?:to\s+)?"
    r"(?:talk|speak|chat)\s+(?:to|with)\b",
    r"\b(?:connect|transfer|put|switch|pass|forward|hand)\s+me\s+(?:over\s+)?(?:through\s+)?(?:to|with)\s+"
    + _PERSON_EN
    + r"\b(?!')",
    r"\b(?:get|give)\s+me\s+" + _PERSON_EN + r"\b(?!')",
    r"\b(?:want|need)\s+(?:a|an)\s+(?:real\s+|actual\s+|live\s+)?(?:human|person|agent|representative)\b(?!')",
    r"^\W*(?:(?:real|live)\s+)?(?:human|agent|representative|operator|person)\W*(?:please|now|pls)?\W*$",
    r"\b(?:human|real person|live agent|human agent)\s*,?\s+(?:please|pls|now)\b",
    r"\b(?:don'?t|do not)\s+want\s+to\s+(?:talk|speak|chat|write)\s+(?:to|with)\s+"
    r"(?:a\s+|the\s+|your\s+)?(?:ro)?bot\b",
)
_WISH = re.compile("|".join(f"(?:{one})" for one in _WISHES))
_MENTIONED = tuple(
    """czlowiek człowiek konsultant doradc pracownik operator osob osób ludz ludź agent robot automat human
    person people advis consultant real kims kimś kogos kogoś kierownik obslug obsług somebody someone manager
    supervisor customer client""".split()
)
"""Words one of which every wish has, with and without diacritics: most messages are done after this. One by
one, since a pattern of alternatives takes ten times as long."""
_MENTIONED_SHORT = ("bot", "ai", "rep")
_SHORT = re.compile(r"bot\b|botem|\bai\b|\brep")
"""Those that stand within many other words, too."""
_NOT = re.compile(r"\b(?:nie|not|don'?t|no need|never)\s+(?:\w+\s+){0,1}$")
_ABOUT_BOTS = re.compile(r"(?:bot|robot|automat|ai)\w*$")


def wants_human(text: str) -> bool:
    """Whether the text asks to be put through to a person."""
    lower = text[:WISH_CHARS_MAX].lower()
    if not _mentions(lower):
        return False
    folded = fold(lower)
    for wish in _WISH.finditer(folded):
        # "Nie chcę rozmawiać z konsultantem" is the opposite; "nie chcę rozmawiać z botem" is not.
        if _ABOUT_BOTS.search(wish[0]) or not _NOT.search(folded[max(0, wish.start() - 40) : wish.start()]):
            return True
    return False


def _mentions(lower: str) -> bool:
    for word in _MENTIONED:
        if word in lower:
            return True
    for word in _MENTIONED_SHORT:
        if word in lower:
            return _SHORT.search(lower) is not None
    return False


_FOLDED = str.maketrans("ąćęłńóśźż’", "acelnoszz'")


def fold(lower: str) -> str:
    """A text in lower case without Polish diacritics: as people type on a phone."""
    return lower if lower.isascii() else lower.translate(_FOLDED)
