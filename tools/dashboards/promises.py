"""Promises kept, at risk, broken; and how fast the budget of broken ones is used up."""

from __future__ import annotations

from tools.dashboards.panels import Board, Panel, Query, Row, lines, quantiles, stat

BROKEN = "centrala:promises_broken:ratio_rate"
"""Recorded by deploy/prometheus/recording.yaml, with its window after it."""

BUDGET = Row(
    "The budget",
    [
        stat(
            "Kept, last hour",
            "Of the promises that were due or kept in the last hour, those kept in time.",
            f"1 - {BROKEN}1h",
            "percentunit",
            width=6,
            most=1,
            least=None,
        ),
        stat(
            "Kept, last day",
            "The same over a day.",
            f"1 - {BROKEN}1d",
            "percentunit",
            width=6,
            most=1,
            least=None,
        ),
        stat("Objective", "What share is to be kept.", "centrala:promises:objective", "percentunit", width=6),
        stat(
            "Budget used, 30 days",
            "Broken promises of the last 30 days, of those that the objective allows. 100 %: it is used up.",
            f"{BROKEN}30d / (1 - centrala:promises:objective)",
            "percentunit",
            width=6,
            steps=(0.5, 1),
        ),
        Panel(
            "Burn rate",
            "How many times faster than allowed the budget is used. 14.4 over an hour uses 2 % of a month's.",
            [
                Query(f"{BROKEN}{window} / (1 - centrala:promises:objective)", window)
                for window in ("5m", "1h", "6h", "1d")
            ],
            width=24,
            steps=(1, 14.4),
        ),
    ],
)

OPEN = Row(
    "Running now",
    [
        lines(
            "Promises that run",
            "Running, at risk after their warning, broken and still owed, answering while an answer is on "
            "its way, paused while the customer has the word.",
            "sum by (state) (centrala_promises_open{@}) or vector(0)",
            "{{state}}",
            stacked=True,
        ),
        lines(
            "At risk, by kind",
            "Which promise is about to be broken.",
            "sum by (kind) (centrala_promises_open{@, state='at_risk'}) or vector(0)",
            "{{kind}}",
        ),
        lines(
            "Broken and owed, by kind",
            "Customers who were let down and still wait.",
            "sum by (kind) (centrala_promises_open{@, state='broken'}) or vector(0)",
            "{{kind}}",
        ),
    ],
)

ENDED = Row(
    "How they end",
    [
        lines(
            "Outcomes a minute",
            "kept in time; broken when it was due; unbroken: an answer turned out to have been in time; "
            "late: kept after it was broken.",
            "60 * sum by (outcome) (rate(centrala_promises_total{@}[~]))",
            "{{outcome}}",
        ),
        lines(
            "Broken a minute, by kind",
            "Which promise is broken.",
            "60 * sum by (kind) (rate(centrala_promises_total{@, outcome='broken'}[~]))",
            "{{kind}}",
        ),
        lines(
            "Warnings and escalations a minute",
            "Steps taken before and after a promise is broken.",
            "60 * sum by (kind) (rate(centrala_events_total{@, topic='sla', kind=~'warned|escalated'}[~]))",
            "{{kind}}",
        ),
        quantiles(
            "How late deadlines are decided",
            "After they were due. Over a second at p99: the machine is too busy for its promises.",
            "deadline_late_seconds",
            "topic",
            width=12,
        ),
        quantiles(
            "From a reply to the provider's word",
            "What an agent's answer waits for after it was admitted: a promise is met when it is sent.",
            "hop_seconds",
            only="hop='sent'",
            width=12,
        ),
    ],
)

BOARD = Board(
    "promises", "Centrala: promises", "What customers were promised.", [BUDGET, OPEN, ENDED], hours=6
)
