"""What a sender wrote is told from what they quote, in the ways that mail programs quote."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.channels.email_text import decode, html_to_text, safe_html, visible

ANSWER = "Dzień dobry,\n\npaczka nadal nie doszła."
QUOTED = "> Paczka jest w drodze.\n>\n> Zespół"
PLAIN = "Paczka jest w drodze.\n\nZespół"

ATTRIBUTIONS = [
    "wt., 3 lis 2026 o 14:05 Sklep Rowery <pomoc@rowery.example> napisał(a):",
    "wt., 3 lis 2026 o 14:05 Sklep Rowerowy z bardzo długą nazwą <\npomoc@rowery.example> napisał(a):",
    "śr., 4 lis 2026 o 9:05 Anna napisała:",
    "niedz., 1 lis 2026, 10:00 użytkownik Sklep <pomoc@rowery.example> napisał:",
    "W dniu 3.11.2026 o 14:05, Sklep Rowery pisze:",
    "W dniu 2026-11-03 14:05, pomoc@rowery.example napisał(a):",
    "W dniu wt., 3.11.2026 o 14:05 Sklep Rowery <pomoc@rowery.example>\nnapisał(a):",
    "Wiadomość napisana przez Sklep Rowery <pomoc@rowery.example> w dniu 3 lis 2026, o godz. 14:05:",
    "Dnia 3 listopada 2026 14:05 Sklep Rowery <pomoc@rowery.example> napisał(a):",
    "3 lis 2026 14:05 Sklep <pomoc@rowery.example> napisał(a):",
    "On Tue, Nov 3, 2026 at 2:05 PM Shop <help@shop.example> wrote:",
    "On 3 Nov 2026, at 14:05, Shop <help@shop.example> wrote:",
    "Am 03.11.2026 um 14:05 schrieb Laden <hilfe@laden.example>:",
    "Le 3 nov. 2026 à 14:05, Boutique <aide@boutique.example> a écrit :",
]

BLOCKS = [
    "Od: Sklep Rowery <pomoc@rowery.example>\nWysłano: wtorek, 3 listopada 2026\nDo: Jan\nTemat: Paczka",
    "Od: Sklep\nData: 3.11.2026\nDo: Jan\nTemat: Paczka",
    "*Od:* Sklep\n*Wysłano:* wtorek\n*Do:* Jan\n*Temat:* Paczka",
    "From: Shop <help@shop.example>\nSent: Tuesday, November 3, 2026 2:05 PM\nTo: Jan\nSubject: Parcel",
    "________________________________\nOd: Sklep\nWysłano: wtorek, 3 listopada 2026\nDo: Jan\nTemat: Paczka",
    "-----Original Message-----\nFrom: Shop\nSent: Tuesday\nTo: Jan\nSubject: Parcel",
    "-----Wiadomość oryginalna-----\nOd: Sklep",
    "----- Oryginalna wiadomość -----",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_an_attribution_and_its_quote_go(attribution: str) -> None:
    """Behind "… wrote:" of any program the quote goes, whether its lines are marked or not."""
    assert visible(f"{ANSWER}\n\n{attribution}\n\n{QUOTED}\n") == ANSWER
    assert visible(f"{ANSWER}\n\n{attribution}\n{PLAIN}\n") == ANSWER


@pytest.mark.parametrize("block", BLOCKS)
def test_behind_copied_headers_everything_goes(block: str) -> None:
    """Outlook's header block and the separators of others end what the sender wrote."""
    assert visible(f"{ANSWER}\n\n{block}\n\n{PLAIN}\n") == ANSWER


def test_answers_between_and_below_quotes_stay() -> None:
    """Who answers point by point, or below the quote, is heard in full."""
    text = "W dniu 3.11.2026 o 14:05, Sklep pisze:\n> Jaki kolor?\nCzerwony.\n> Jaki rozmiar?\nM\n\nPa,\nJan"
    assert visible(text) == "Czerwony.\nM\n\nPa,\nJan"


@pytest.mark.parametrize(
    "line", ["---------- Forwarded message ---------", "-------- Wiadomość przekazana --------"]
)
def test_a_forwarded_mail_stays(line: str) -> None:
    """What somebody forwards to us is news, not history."""
    forwarded = (
        f"{line}\nOd: Kurier <k@kurier.example>\nData: 3.11.2026\nTemat: Awizo\nDo: Jan\n\nPaczka zaginęła."
    )
    assert visible(f"Proszę zobaczyć:\n\n{forwarded}") == f"Proszę zobaczyć:\n\n{forwarded}"


@pytest.mark.parametrize(
    "text",
    [
        "W dniu 3.11.2026 zamówiłem rower i nie doszedł.",
        "On Monday 3 May I ordered a bike.\nIt has not come.",
        "Od: tygodnia czekam na paczkę.\nDo: dziś nic.",
        "Mój adres:\nJan Kowalski\nul. Długa 1",
        "3.11.2026 o 14:05 dzwoniłem i nikt nie odebrał:\nproszę o kontakt",
        "Zamówiłem rower.\nW dniu 5.11.2026 kurier napisał:\nże nie przyjedzie.\nCo dalej?",
        "Hello,\nOn 3 May your agent wrote:\nthe parcel is lost.\nIs it?",
        "> to jest cały list",
        "W dniu 3.11.2026 o 14:05, Sklep pisze:\n> tylko cytat",
        "",
    ],
)
def test_what_only_looks_like_a_quote_stays(text: str) -> None:
    """A sentence that begins like an attribution is kept, and a mail that is all quote is kept whole."""
    assert visible(text) == text


def test_a_telephones_last_line_goes() -> None:
    """ "Wysłane z iPhone'a" is not what the customer wrote; alone it is all there is."""
    assert visible(f"{ANSWER}\n\nWysłane z iPhone'a") == ANSWER
    assert visible("Sent from my iPhone") == "Sent from my iPhone"


@pytest.mark.parametrize(
    "hostile",
    [
        "On " * 200_000,
        "Od: x\n" * 100_000,
        "On 1\n" * 200_000,
        "> " * 300_000,
        "-" * 500_000,
        "_" * 20 + "\n" * 300_000,
        ("W dniu 3 " + "a" * 300 + "\n") * 3_000,
    ],
)
def test_quotes_are_found_in_linear_time(hostile: str) -> None:
    """A text made to mislead the patterns costs no more than its length."""
    began = time.process_time()
    visible(hostile)
    assert time.process_time() - began < 2.0


@given(st.text(max_size=400))
def test_something_is_always_left(text: str) -> None:
    """A mail that says anything at all leaves something to read."""
    assert bool(visible(text)) == bool(text.strip())


@pytest.mark.parametrize("charset", ["cp1250", "iso-8859-2", "utf-8"])
def test_a_declared_charset_is_believed(charset: str) -> None:
    """Text in the charset that its part declares comes out as it was written."""
    assert decode("Zażółć gęślą jaźń".encode(charset), charset) == "Zażółć gęślą jaźń"


@pytest.mark.parametrize("declared", [None, "us-ascii", "no-such-charset", "base64", "x\0y", "utf-8"])
def test_a_wrong_charset_is_guessed_around(declared: str | None) -> None:
    """Where the declared charset is absent, unknown or wrong, UTF-8 and then a guess are tried."""
    assert decode("Zażółć gęślą jaźń".encode(), declared) == "Zażółć gęślą jaźń"
    polish = "Dzień dobry, chciałbym zwrócić rower, który przyszedł uszkodzony. Proszę o pomoc, dziękuję."
    assert decode(polish.encode("cp1250"), declared) == polish


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=12)))
def test_any_bytes_are_some_text(data: bytes, declared: str | None) -> None:
    """Bytes of any kind under any name become text that UTF-8 can carry, without NUL."""
    assert "\0" not in decode(data, declared).encode("utf-8").decode()


@given(st.text(alphabet="<>/abdivblockquote &;\"'=!-", max_size=300))
def test_any_html_is_some_text(html: str) -> None:
    """Broken HTML never fails, and what is shown of it holds no script."""
    html_to_text(html)
    safe_html(html)


def test_html_loses_its_traps_and_its_preheader() -> None:
    """Scripts and handlers go from the HTML; hidden text goes from the text; quotes are marked."""
    html = (
        '<div style="display:none">promo</div><p onclick="x()">Cześć</p><script>alert(1)</script>'
        "<blockquote><p>cytat</p></blockquote><p>dół</p>"
    )
    shown = [line for line in html_to_text(html).split("\n") if line.strip("> ")]
    assert shown == ["Cześć", "> cytat", "dół"]
    assert visible(html_to_text(html)).split() == ["Cześć", "dół"]
    assert "script" not in safe_html(html)
    assert "onclick" not in safe_html(html)
    deep = "<div>" * 20_000 + "x"
    assert "x" in html_to_text(deep)
