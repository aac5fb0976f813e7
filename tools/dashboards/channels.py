"""Doors and providers: rate, errors, duration of what comes in, and what goes out."""

from __future__ import annotations

from tools.dashboards.panels import Board, Panel, Query, Row, lines, quantiles

DOORS = Row(
    "Edges",
    [
        lines(
            "Requests a second",
            "By edge and status.",
            "sum by (edge, status) (rate(centrala_requests_total{@}[~]))",
            "{{edge}} {{status}}",
            stacked=True,
        ),
        lines(
            "Errors",
            "Requests that failed by our fault (5xx, SMTP 4yz, UNAVAILABLE ...), of all.",
            "(sum by (edge) (rate(centrala_requests_total{@, edge!='smtp', status=~'5..'}[~]))"
            " or sum by (edge) (rate(centrala_requests_total{@, edge='smtp', status=~'4..'}[~]))"
            " or sum by (edge) (rate(centrala_requests_total{@, edge='grpc', "
            "status=~'UNAVAILABLE|INTERNAL|UNKNOWN'}[~]))"
            " or sum by (edge) (0 * rate(centrala_requests_total{@}[~])))"
            " / sum by (edge) (rate(centrala_requests_total{@}[~]))",
            "{{edge}}",
            "percentunit",
            steps=(0.001, 0.01),
        ),
        quantiles(
            "Duration",
            "From a request's arrival to its answer. A message is durable by then.",
            "request_seconds",
            "edge",
        ),
        Panel(
            "By route",
            "The same for each route: requests a second, mean seconds.",
            [
                Query("sum by (edge, route) (rate(centrala_request_seconds_count{@}[~]))"),
                Query(
                    "sum by (edge, route) (rate(centrala_request_seconds_sum{@}[~]))"
                    " / sum by (edge, route) (rate(centrala_request_seconds_count{@}[~]))"
                ),
            ],
            kind="table",
            columns=("requests/s", "mean, s"),
            width=12,
        ),
        lines(
            "Turned away a minute",
            "Refused before anything was done: too fast for a desk, too much at once, not ready.",
            "60 * sum by (reason) (rate(centrala_turned_away_total{@}[~]))",
            "{{reason}}",
            width=6,
        ),
        lines(
            "Streams",
            "Agents and boards that are connected.",
            "sum(centrala_streams_open{@})",
            "streams",
            width=6,
        ),
    ],
)

MAIL = Row(
    "Messages",
    [
        lines(
            "Messages a minute",
            "Customers' new messages, by channel. Nothing where there was much: a provider does not call.",
            "60 * sum by (channel) (rate(centrala_messages_total{@}[~]))",
            "{{channel}}",
        ),
        lines(
            "Duplicates a minute",
            "Messages that came again and were recognised.",
            "60 * sum(rate(centrala_events_total{@, topic='conversations', kind='duplicate'}[~]))",
            "duplicates",
        ),
        lines(
            "Quarantined a minute",
            "What nobody could understand, by reason. A jump: a provider has changed something.",
            "60 * sum by (reason) (rate(centrala_quarantined_total{@}[~])) or vector(0)",
            "{{reason}}",
        ),
    ],
)

OUT = Row(
    "What goes out",
    [
        lines(
            "Replies a minute",
            "How far they have come.",
            "60 * sum by (outcome) (rate(centrala_sends_total{@, kind='reply'}[~]))",
            "{{outcome}}",
        ),
        lines(
            "Notices a minute",
            "Sent, suppressed, failed.",
            "60 * sum by (outcome) (rate(centrala_sends_total{@, kind='notice'}[~])) or vector(0)",
            "{{outcome}}",
        ),
        lines(
            "Notices suppressed a minute",
            "Why they are not sent.",
            "60 * sum by (reason) (rate(centrala_notices_suppressed_total{@}[~])) or vector(0)",
            "{{reason}}",
        ),
        lines(
            "Calls of providers a minute",
            "By channel and outcome: retry is tried again, failed is for good, uncertain may have arrived.",
            "60 * sum by (channel, outcome) (rate(centrala_provider_calls_total{@}[~]))",
            "{{channel}} {{outcome}}",
        ),
        quantiles("How long providers take", "One call.", "provider_seconds", "channel"),
        lines(
            "Without a result",
            "Sends that are due, held (quiet hours, a retry), or with a provider now.",
            "sum by (state) (centrala_sends_open{@})",
            "{{state}}",
            stacked=True,
        ),
    ],
)

BOARD = Board("channels", "Centrala: channels", "What comes in, what goes out.", [DOORS, MAIL, OUT])
