"""The machinery: hops, loops, log, restores, invariants, the process."""

from __future__ import annotations

from tools.dashboards.panels import Board, Panel, Query, Row, lines, quantiles, stat

ZERO = Row(
    "What must be zero, and is ready",
    [
        stat(
            "Invariants broken",
            "What must always hold and does not.",
            "sum(centrala_invariant_violations{@})",
            width=6,
            steps=(None, 1),
        ),
        stat(
            "Inputs skipped",
            "Decisions that raised an error: bugs.",
            "sum(centrala_skipped_inputs_total{@})",
            width=6,
            steps=(None, 1),
        ),
        stat(
            "Engines that are not ready",
            "Loops that do not own their partitions, or are being restored; services without any process.",
            "(count(centrala_engine_ready{@} == 0) or vector(0))"
            " + (4 - (count(count by (topic) (centrala_engine_ready{@})) or vector(0)))",
            width=6,
            steps=(None, 1),
        ),
        stat(
            "Failed commits",
            "Of the log; the disk is full or failing.",
            "sum(centrala_commit_failures_total{@})",
            width=6,
            steps=(None, 1),
        ),
        lines(
            "Invariants, by rule",
            "docs/metrics.md says what each counts.",
            "sum by (rule) (centrala_invariant_violations{@})",
            "{{rule}}",
            width=12,
        ),
        lines(
            "Processes",
            "By version; more than one only while a release is rolled out.",
            "count by (version) (centrala_build_info{@})",
            "{{version}}",
            width=6,
        ),
        lines(
            "States compared",
            "Hashes of live states against folds of their logs, with each snapshot; different must be zero.",
            "sum by (outcome) (centrala_state_checks_total{@})",
            "{{outcome}}",
            width=6,
        ),
    ],
)

HOPS = Row(
    "A message's way",
    [
        quantiles("Webhook to durable", "From a request to its 2xx.", "request_seconds", "edge", width=12),
        quantiles(
            "Durable to threaded, queued, offered; reply to sent",
            "From the mailbox's word on: in its conversation, in line, offered where an agent was free.",
            "hop_seconds",
            "hop",
            width=12,
        ),
        lines(
            "Behind",
            "Records of an input that are not decided yet. At rest and under load: a handful.",
            "sum by (topic, input) (centrala_lag_records{@})",
            "{{input}} → {{topic}}",
        ),
        quantiles(
            "Append", "A batch, from handing it over to its acknowledgement.", "append_seconds", "topic"
        ),
        quantiles("Commit of the file", "fsync included; the embedded mode's.", "fsync_seconds"),
    ],
)

LOOPS = Row(
    "Loops",
    [
        lines(
            "Events a second",
            "Committed, by topic.",
            "sum by (topic) (rate(centrala_events_total{@}[~]))",
            "{{topic}}",
        ),
        lines(
            "Busy",
            "Share of a core that deciding and folding takes. Near 1: this loop is the bottleneck.",
            "sum by (topic) (rate(centrala_loop_busy_seconds_total{@}[~]))",
            "{{topic}}",
            "percentunit",
        ),
        lines(
            "What one input costs",
            "Deciding and folding.",
            "sum by (topic) (rate(centrala_loop_busy_seconds_total{@}[~]))"
            " / sum by (topic) (rate(centrala_inputs_total{@}[~]) + rate(centrala_deadlines_total{@}[~]))",
            "{{topic}}",
            "s",
        ),
        lines(
            "Events in a batch",
            "The mean; it grows with the load, by itself.",
            "sum by (topic) (rate(centrala_batch_events_sum{@}[~]))"
            " / sum by (topic) (rate(centrala_batch_events_count{@}[~]))",
            "{{topic}}",
        ),
        lines(
            "Batches a second",
            "Committed.",
            "sum by (topic) (rate(centrala_batches_total{@}[~]))",
            "{{topic}}",
        ),
        quantiles("Deadlines late", "After they were due; never before.", "deadline_late_seconds", "topic"),
        lines(
            "The commonest events",
            "A second, by topic and kind.",
            "topk(12, sum by (topic, kind) (rate(centrala_events_total{@}[~])))",
            "{{topic}} {{kind}}",
            width=12,
        ),
        lines(
            "Refused requests a minute",
            "What agents asked for and did not get, by reason.",
            "60 * sum by (reason) (rate(centrala_requests_refused_total{@}[~])) or vector(0)",
            "{{reason}}",
            width=12,
        ),
    ],
)

OWNERS = Row(
    "Restores",
    [
        lines(
            "Claims lost",
            "In ten minutes: an append without a word, or another owner.",
            "sum by (topic) (increase(centrala_claims_lost_total{@}[10m]))",
            "{{topic}}",
        ),
        Panel(
            "Last restore",
            "How long it took; how many events were folded.",
            [
                Query("max by (topic) (centrala_restore_seconds{@})"),
                Query("max by (topic) (centrala_restored_events{@})"),
                Query("sum by (topic) (centrala_restores_total{@})"),
            ],
            kind="table",
            columns=("seconds", "events", "restores"),
        ),
        lines(
            "Snapshots",
            "How large they are, by topic.",
            "max by (topic) (centrala_snapshot_bytes{@}) or vector(0)",
            "{{topic}}",
            "bytes",
        ),
    ],
)

REDIS = Row(
    "Redis (distributed mode)",
    [
        lines(
            "Processes that Redis does not answer",
            "Or that it refuses. Reads and boards stand still there; messages, offers and requests go on.",
            "max by (instance) (centrala_redis_away{@})",
            "{{instance}}",
            width=12,
        ),
        lines(
            "Logs whose views are not written",
            "Redis is away, full, or refuses. What is shown of their desks is old.",
            "sum by (instance) (centrala_views_unwritten_logs{@})",
            "{{instance}}",
            width=12,
        ),
    ],
)

PROCESS = Row(
    "Processes",
    [
        lines("CPU", "Cores.", "rate(process_cpu_seconds_total{@}[~])", "{{instance}}"),
        lines("Memory", "Resident.", "process_resident_memory_bytes{@}", "{{instance}}", "bytes"),
        lines("Open files", "Sockets included.", "process_open_fds{@}", "{{instance}}"),
        quantiles(
            "Event loop late",
            "How long everything else in a process stood still.",
            "event_loop_late_seconds",
            "instance",
        ),
        lines(
            "Clock behind",
            "How far the machine's clock is behind the log's, seconds; embedded mode only.",
            "max by (instance) (centrala_clock_behind_seconds{@})",
            "{{instance}}",
            "s",
        ),
    ],
)

BOARD = Board(
    "internals", "Centrala: internals", "The machinery under it.", [ZERO, HOPS, LOOPS, OWNERS, REDIS, PROCESS]
)
