"""What the demo's customers write and its agents answer: everyday matters of a bicycle shop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Matter:
    """One customer's matter. `{order}` stands for their order number.

    opening: the first message; more: what they add while they wait (or ""); answer: the agent's
    reply; thanks: the customer's last word. `wants_human`: the bot is not enough.
    """

    topic: str
    language: str
    opening: str
    more: str
    answer: str
    thanks: str
    intent: str = ""
    wants_human: bool = False


MATTERS = (
    Matter(
        "dostawa",
        "pl",
        "Dzień dobry, zamówienie {order} miało być wczoraj, a śledzenie stoi od trzech dni. Gdzie paczka?",
        "Halo, czy ktoś to sprawdza? Wyjeżdżam w piątek i rower musi do tego czasu być.",
        "Sprawdziłam u kuriera: paczka jest w sortowni w Łodzi, jutro przed 14:00 będzie u Pani.",
        "Super, dziękuję za konkret!",
        "where_is_my_order",
    ),
    Matter(
        "zwroty",
        "pl",
        "Kask z zamówienia {order} okazał się za mały. Jak go zwrócić i kiedy dostanę pieniądze?",
        "Dodam, że był tylko przymierzony, metka jest.",
        "Dzień dobry, wysłałem etykietę zwrotną na Pana e-mail. Pieniądze wracają do 3 dni od odbioru.",
        "Dzięki, nadam dziś w paczkomacie.",
    ),
    Matter(
        "produkt",
        "pl",
        "Czy bagażnik BX-20 pasuje do ramy 29 cali z hamulcami tarczowymi?",
        "",
        "Tak, pasuje: w zestawie są dłuższe śruby i podkładki właśnie do tarczówek.",
        "Świetnie, w takim razie zamawiam.",
    ),
    Matter(
        "faktury",
        "pl",
        "Potrzebuję faktury na firmę do zamówienia {order}, NIP podałam w uwagach.",
        "",
        "Faktura jest gotowa, przed chwilą poszła na adres z zamówienia. Przepraszam, że trzeba było pytać.",
        "Mam, dziękuję.",
    ),
    Matter(
        "zwroty",
        "pl",
        "Rower z zamówienia {order} przyszedł z pogiętą obręczą. To jest drugi raz! Składam reklamację.",
        "Zdjęcia wysłałem już w poniedziałek, nikt się nie odezwał.",
        "Bardzo przepraszam. Wymieniamy koło na nasz koszt, kurier odbierze rower jutro między 9 a 12.",
        "Dobrze, czekam na kuriera.",
        "complaint",
        True,
    ),
    Matter(
        "dostawa",
        "pl",
        "Chcę rozmawiać z konsultantem, nie z botem. Adres dostawy zamówienia {order} jest zły.",
        "",
        "Dzień dobry, tu Ola. Podmieniłam adres, zanim paczka wyszła z magazynu. Przyjdzie w czwartek.",
        "Uff. Dziękuję bardzo!",
        "where_is_my_order",
        True,
    ),
    Matter(
        "produkt",
        "pl",
        "Jaki rozmiar ramy dla osoby 172 cm wzrostu, jazda głównie po mieście?",
        "",
        "Przy 172 cm najlepiej sprawdzi się M (53 cm). Gdyby wolał Pan siedzieć bardziej prosto: też M.",
        "Biorę M, dzięki.",
    ),
    Matter(
        "dostawa",
        "en",
        "Hi, order {order} says delivered but there is nothing here. Can you check with the courier?",
        "My neighbours did not get it either.",
        "I asked the courier: it was left at the pick-up point next to your street. Here is the code: 4471.",
        "Found it, thank you!",
        "where_is_my_order",
    ),
    Matter(
        "produkt",
        "en",
        "Does the winter jacket in size L fit somebody who is 188 cm tall?",
        "",
        "Yes, L is cut long: sleeves 67 cm, back 74 cm. If you like it loose, take XL.",
        "L it is. Cheers.",
    ),
    Matter(
        "zwroty",
        "en",
        "I'd like to return the pedals from order {order}, they squeak.",
        "They squeaked from the first ride.",
        "Sorry about that! The return label is in your inbox, and the refund leaves us the day they arrive.",
        "Great, thanks for the quick answer.",
    ),
)

BOT_ANSWERS = {
    "pl": "Dzień dobry, tu Zosia, asystentka sklepu. Paczka jest w drodze, kurier podaje doręczenie jutro.",
    "en": "Hello, this is Zosia, the shop's assistant. Your parcel is on its way, the courier says tomorrow.",
}

FIRST_NAMES = (
    "Anna",
    "Piotr",
    "Kasia",
    "Marek",
    "Ewa",
    "Tomasz",
    "Magda",
    "Paweł",
    "Zofia",
    "Jan",
    "Emma",
    "Liam",
)
LAST_NAMES = (
    "Nowak",
    "Kowalska",
    "Wiśniewski",
    "Wójcik",
    "Lewandowska",
    "Zieliński",
    "Mazur",
    "Smith",
    "Król",
)

CARRIERS = ("InPost", "DPD", "Poczta Polska")
DELAY_REASONS = {
    "InPost": "awaria sortowni w Łodzi",
    "DPD": "intensywne opady śniegu na A2",
    "Poczta Polska": "spiętrzenie przed świętami",
}

AGENTS = (
    ("ola", "Ola", "human", {"dostawa": 4, "zwroty": 3}, {"pl": 5, "en": 3}),
    ("kuba", "Kuba", "human", {"produkt": 5, "dostawa": 2}, {"pl": 5, "en": 4}),
    ("hania", "Hania", "human", {"zwroty": 5, "faktury": 4}, {"pl": 5}),
    ("bartek", "Bartek", "human", {"dostawa": 3, "produkt": 3}, {"pl": 5, "en": 5}),
    ("iga", "Iga", "human", {"faktury": 5, "zwroty": 4, "dostawa": 3}, {"pl": 5, "en": 2}),
    ("marta", "Marta", "human", {"produkt": 4, "zwroty": 3}, {"pl": 5, "en": 5}),
    ("zosia", "Zosia (bot)", "bot", {"dostawa": 1}, {"pl": 5, "en": 5}),
)
"""(id, name, kind, skills, languages) of the demo desk's agents."""

DESK = {
    "name": "Rowery Demo",
    "locale": "pl",
    "time_zone": "Europe/Warsaw",
    "hours": {"mon-sun": ["00:00-24:00"]},
    "channels": [
        {"channel": "chat", "account": "www", "units": 30},
        {"channel": "email", "account": "pomoc@demo.example", "units": 10},
        {"channel": "allegro", "account": "rowery-demo", "units": 15},
    ],
    "skills": ["dostawa", "zwroty", "produkt", "faktury"],
    "languages": ["pl", "en"],
    "leads": ["ola"],
    "queues": [
        {
            "name": "reklamacje",
            "when": {"intent": ["complaint"]},
            "requires": {"zwroty": 3},
            "priority": 8,
            "human_only": True,
        },
        {
            "name": "dostawa",
            "when": {"attributes.topic": ["dostawa"]},
            "requires": {"dostawa": 1},
            "priority": 5,
        },
        {
            "name": "zwroty",
            "when": {"attributes.topic": ["zwroty"]},
            "requires": {"zwroty": 2},
            "relax": [{"after": "2m", "requires": {}}],
            "priority": 5,
        },
        {"name": "produkt", "when": {"attributes.topic": ["produkt"]}, "requires": {"produkt": 2}},
        {"name": "faktury", "when": {"attributes.topic": ["faktury"]}, "requires": {"faktury": 3}},
        {"name": "ogolna", "requires": {}, "priority": 4},
    ],
    "routing": {
        "preset": "default",
        "offer_expires": "20s",
        "last_agent": {"wait_up_to": "30s"},
        "shadow": {"policy": "longest_idle"},
    },
    "sla": [
        {
            "name": "normal",
            "first_response": {"chat": "45s", "default": "3m"},
            "next_response": "2m",
            "resolution": "20m",
            "warn_at": 0.6,
            "escalate": [
                {"at": "warning", "do": "notify", "to": "lead"},
                {"at": "breach", "do": "raise_priority", "to": 10},
            ],
        }
    ],
    "bots": {
        "human_when": {"asked": True, "order_value_over": 1500, "failed_answers": 2, "silent_for": "20s"}
    },
    "notices": {"channels": ["chat", "email"], "delay": {"on": True, "tell_after": "1h"}},
}
"""The demo desk, as a lead would write it. The demo adds its own mail server and webhook."""
