"""The minute's picture: who waits, who works, what comes in."""

from __future__ import annotations

from tools.dashboards.panels import Board, Panel, Query, Row, lines, quantiles, stat

NOW = Row(
    "Now",
    [
        stat(
            "Waiting",
            "Conversations that wait for an agent.",
            "sum(centrala_conversations{@, state='waiting'})",
        ),
        stat(
            "Oldest wait",
            "For how long the customer who has waited longest has waited.",
            "max(centrala_waiting_oldest_seconds{@}) or vector(0)",
            "s",
            steps=(300, 900),
        ),
        stat(
            "Agents free",
            "Humans who are online and have room for more.",
            "sum(centrala_agents{@, kind='human', state='free'}) or vector(0)",
        ),
        stat(
            "Load of humans",
            "Capacity units in use, of those of everybody who is online.",
            "sum(centrala_capacity_units{@, kind='human', state='used'})"
            " / sum(centrala_capacity_units{@, kind='human', state='all'}) or vector(0)",
            "percentunit",
            steps=(0.8, 0.95),
            most=1,
        ),
        stat(
            "Promises at risk",
            "Promises that have warned and are not answered.",
            "sum(centrala_promises_open{@, state='at_risk'}) or vector(0)",
            steps=(1, 20),
        ),
        stat(
            "Promises broken and owed",
            "Promises that were not kept and still wait for their answer.",
            "sum(centrala_promises_open{@, state='broken'}) or vector(0)",
            steps=(1, 10),
        ),
    ],
)

IN = Row(
    "What comes in, and who waits",
    [
        lines(
            "Messages a minute",
            "Customers' new messages, by channel.",
            "60 * sum by (channel) (rate(centrala_messages_total{@}[~]))",
            "{{channel}}",
            stacked=True,
        ),
        lines(
            "Waiting, by channel",
            "Rising all day: too few agents, or agents with too little room.",
            "sum by (channel) (centrala_waiting_conversations{@}) or vector(0)",
            "{{channel}}",
            stacked=True,
        ),
        lines(
            "Oldest wait, by channel",
            "For how long the first of each channel has waited.",
            "max by (channel) (centrala_waiting_oldest_seconds{@}) or vector(0)",
            "{{channel}}",
            "s",
        ),
        Panel(
            "By skill",
            "What is asked for, and who has it. Somebody waits and nobody is online: train or call somebody.",
            [
                Query("sum by (skill) (centrala_skill_waiting_conversations{@})"),
                Query("max by (skill) (centrala_skill_waiting_oldest_seconds{@})"),
                Query("sum by (skill) (centrala_skill_agents{@, state='free'})"),
                Query("sum by (skill) (centrala_skill_agents{@})"),
            ],
            kind="table",
            columns=("waiting", "oldest, s", "free", "online"),
        ),
        quantiles(
            "How long customers waited",
            "From the message until an agent accepted, by channel.",
            "wait_seconds",
            "channel",
        ),
        lines(
            "Why conversations wait again",
            "How often they begin to wait, by reason. Much of declined, expired, agent_lost: "
            "offers go to people who do not answer.",
            "60 * sum by (reason) (rate(centrala_queued_total{@}[~]))",
            "{{reason}}",
        ),
    ],
)

PEOPLE = Row(
    "Agents and offers",
    [
        lines(
            "Agents",
            "Online with room, online without, lost (their connection died), away.",
            "sum by (kind, state) (centrala_agents{@})",
            "{{kind}} {{state}}",
            stacked=True,
        ),
        lines(
            "Load",
            "Capacity units in use, of those of everybody who is online.",
            "sum by (kind) (centrala_capacity_units{@, state='used'})"
            " / sum by (kind) (centrala_capacity_units{@, state='all'})",
            "{{kind}}",
            "percentunit",
            most=1,
        ),
        lines(
            "Conversations",
            "Where the open ones are.",
            "sum by (state) (centrala_conversations{@, state!='open'})",
            "{{state}}",
            stacked=True,
        ),
        lines(
            "Offers a minute",
            "What became of them.",
            "60 * sum by (kind) (rate(centrala_events_total{@, topic='routing', "
            "kind=~'offered|accepted|declined|expired|withdrawn'}[~]))",
            "{{kind}}",
        ),
        lines(
            "Offers declined or expired",
            "Of all offers. Over a half: agents ring for nothing, and customers wait for it.",
            "sum(rate(centrala_events_total{@, topic='routing', kind=~'declined|expired'}[~]))"
            " / sum(rate(centrala_events_total{@, topic='routing', kind='offered'}[~]))",
            unit="percentunit",
            steps=(0.25, 0.5),
        ),
        quantiles(
            "How long offers are open",
            "Until they are accepted, declined, expired, withdrawn.",
            "offer_seconds",
            "outcome",
        ),
    ],
)

BOARD = Board("exchange", "Centrala: exchange", "The minute's picture.", [NOW, IN, PEOPLE])
