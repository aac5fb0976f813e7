"""Labels at the edge: sure, or absent."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.ingest.classify import WISH_CHARS_MAX, Languages, fold, wants_human
from tests.ingest.edge import LANGUAGES

WISHES = """
Chcę rozmawiać z człowiekiem
chce rozmawiac z konsultantem
Dzień dobry, chciałabym porozmawiać z żywym człowiekiem, nie z automatem
Proszę o kontakt z konsultantem
proszę połączyć mnie z konsultantem
Połącz mnie z doradcą
Czy mogę porozmawiać z człowiekiem?
człowiek
konsultant!
Poproszę człowieka
nie chcę rozmawiać z botem
dajcie mi człowieka
Czy można rozmawiać z prawdziwym człowiekiem
Proszę o przełączenie do konsultanta
Czy mogę porozmawiać z kimś z obsługi?
czy moge z kims porozmawiac
Wolałbym rozmawiać z człowiekiem
Wolałabym porozmawiać z doradcą
Chcemy rozmawiać z człowiekiem
Chcę się skontaktować z konsultantem
Proszę przełączyć mnie do konsultanta
Potrzebuję konsultanta
Czy jest tam jakiś człowiek?
Chcę rozmawiać z kierownikiem
human please
Human
I want to talk to a human
Can I speak with a real person?
I'd like to speak to an agent
connect me to a representative please
I need a human
agent please
Let me talk to someone real
I don’t want to talk to a bot
Please transfer me to a live agent
get me a human!
Could I please speak to a human being
Can I speak to someone?
Is there a real person I can talk to?
I'd like to speak with customer service
Let me talk to a manager
""".strip().split("\n")

NOT_WISHES = """
Nie chcę rozmawiać z konsultantem, chcę tylko zwrot
Rozmawiałem wczoraj z konsultantem i nic
Konsultant był bardzo miły
Czy ta osoba już odpisała?
Gdzie jest moja paczka?
rower dla jednej osoby
agent nieruchomości zamówił dostawę
I spoke to a human yesterday
The agent was very kind
I don't want to talk to an agent, just refund me
Is this product safe for humans?
Real leather or fake?
The delivery person left the parcel
Your representative told me it would come
Pracownik kuriera zgubił paczkę
Proszę o zwrot, osoba kontaktowa Jan
This person wants a refund
I want a person's name engraved
Rozmowa z konsultantem nic nie dała
Chcę rozmawiać o zwrocie
Czy mogę kupić to dla kogoś?
Proszę o fakturę z obsługą VAT
Chcę dać prezent komuś
Obsługa klienta była miła
Someone stole my parcel
I talked to a manager yesterday
Is there a person in this photo?
Can I get the same size as someone else ordered?
Your customer service is slow
Is there a live stream I can watch?
""".strip().split("\n")


@pytest.mark.parametrize("text", WISHES)
def test_a_wish_for_a_human_is_heard(text: str) -> None:
    """Who asks to be put through to a person, in Polish or English, with or without diacritics, is heard."""
    assert wants_human(text)
    assert wants_human(f"Dzień dobry.\n{text.upper()}" if len(text) > 20 else text.upper())


@pytest.mark.parametrize("text", NOT_WISHES)
def test_a_mention_of_people_is_no_wish(text: str) -> None:
    """Who speaks of agents, people or bots, or does not want one, does not ask for a human."""
    assert not wants_human(text)


def test_a_hostile_text_costs_little() -> None:
    """Text made to send the patterns back and forth is looked at only up to a bound."""
    for word in ("chce ", "can i ", "please to ", "want a an a ", "prosze prosze o "):
        assert not wants_human(word * WISH_CHARS_MAX + "agent")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Gdzie jest moja paczka?", "pl"),
        ("hej kiedy wysylka", "pl"),
        ("Zwrot towaru", "pl"),
        ("where is my order", "en"),
        ("refund please", "en"),
        ("Wann kommt mein Paket an?", ""),
        ("Kde je moje zásielka?", ""),
        ("ok", ""),
        ("12345", ""),
        ("", ""),
        ("👍👍", ""),
    ],
)
async def test_a_language_is_told_or_left_open(text: str, language: str) -> None:
    """One of the desk's languages is told when it is sure; another's, or too little, is left open."""
    await LANGUAGES.load()
    assert LANGUAGES.tell(text, ["pl", "en"]) == language


async def test_the_desks_own_tag_comes_back() -> None:
    """A desk that writes en-GB reads en-GB; one without languages, or with unknown ones, reads nothing."""
    await LANGUAGES.load()
    assert LANGUAGES.tell("where is my order", ["en-GB"]) == "en-GB"
    assert LANGUAGES.tell("where is my order", []) == ""
    assert LANGUAGES.tell("where is my order", ["tlh"]) == ""


def test_a_model_that_is_not_read_yet_says_so() -> None:
    """Until it is loaded, the model is not asked."""
    assert not Languages().loaded


def test_no_room_for_the_model_is_said() -> None:
    """Where files cannot become as long as the model, reading it names the directory and what is needed."""
    program = (
        "import asyncio, resource\n"
        "from services.ingest.classify import Languages\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "asyncio.run(Languages().load())"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("services.kernel.errors.Invalid: the language model cannot be unpacked in /")
    assert "It needs 70 MB there" in last


def test_folding() -> None:
    """Folded text is lower case and has no Polish diacritics."""
    assert fold("ZAŻÓŁĆ gęślą jaźń".lower()) == "zazolc gesla jazn"
