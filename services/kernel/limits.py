"""Every bound of the system, with its unit and its reason; relations are asserted at import."""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# The log
BATCH_BYTES_MAX = 900_000
"""Largest serialised batch: under the 1 MiB that Kafka takes by default, with room for headers."""
RECORD_BYTES_MAX = 400_000
"""Largest mailbox record. All events of one record go into one batch, and say what is in it at most twice
(an order's addresses also as identities); a record that fits no batch would be skipped, so lost."""
DEADLINES_IN_BATCH_MAX = 500
"""Deadlines fired in one batch, so that inputs get their turn."""
INPUTS_IN_BATCH_MAX = 1_000
"""Input records taken in one round: bounds how long the loop keeps the process busy."""
CLOCK_SKEW_MS_MAX = 1_000
"""A claim whose append time differs more from the local clock is given up."""

# Edges
BODY_BYTES_MAX = 1_048_576
"""Largest JSON body of an HTTP request. Webhooks and mails have their own, larger bounds."""
MAIL_BYTES_MAX = 26_214_400
"""Largest mail taken by SMTP (25 MiB, what the big providers take)."""
WEBHOOK_BYTES_MAX = 4_194_304
"""Largest provider webhook (Meta sends up to 3 MB)."""
CONFIGURATION_BYTES_MAX = 180_000
"""Largest configuration of a desk as JSON: its record holds it twice, as written and as read."""
CONTENT_BYTES_MAX = 65_536
"""Longer content becomes a blob."""
REQUEST_WAIT_MS = 3_000
"""How long an edge waits for the outcome of what it appended, then 503 "unknown"."""
REQUEST_AGE_MS_MAX = 10_000
"""Engines refuse agents' requests that are older."""
UNSEEN_MS = 10_000
"""What became known less than this before an agent asked for something, they cannot have seen."""
NAME_CHARS_MAX = 200
"""Longest id or name that a sender may choose (external_id, order_id, names)."""

# Horizons
DEDUPLICATION_DAYS = 35
"""How long ids are remembered for deduplication. What is older by its signed time is `too_old`."""
RESOLVED_DAYS = 90
"""How long a resolved conversation is kept in short form; a reply within them reopens it."""
QUARANTINE_DAYS = 30
"""A quarantined record's day key is deleted after this."""
INBOUND_KEPT_DAYS = 7
"""Mailbox records are deleted this long behind ingest's own committed position."""
ERASURE_DELAY_MS = 5 * MINUTE_MS
"""From an erasure's request to the deletion of the keys: longer than any cache lives."""
KEY_CACHE_MS = 60_000
"""Longest that an edge keeps an opened data key."""

# Agents
CAPACITY_DEFAULT = 100
UNITS_DEFAULT = {"voice": 100, "chat": 30, "whatsapp": 30, "telegram": 30, "sms": 20, "email": 10}
"""Capacity units of an open conversation by channel, where the desk does not say."""
UNITS_OTHER = 30
OFFER_EXPIRES_MS = 20_000
AGENT_LOST_AFTER_MS = 10_000
PRESENCE_BEAT_MS = 2_000
"""How often an edge says which sessions live there."""
NOTICE_LOST_MS_MAX = 3_000
"""How late a lost agent may be noticed beyond agent_lost_after."""
LAST_AGENT_WAIT_MS = 2 * MINUTE_MS
LAST_AGENT_WORTH_MS = 300_000
"""How much work it saves that the agent who had a customer last takes them again."""
TRANSFER_WAIT_MS = 2 * MINUTE_MS
"""What is transferred to an agent waits for that agent alone so long, be they there or not."""
BARRED_AFTER_DECLINE_MS = 5 * MINUTE_MS
"""An agent who declined (or let expire) is not asked again for the same conversation until then."""

# Bursts: what comes in one instant is matched as a whole, within these
BURST_BEGINS = 8
"""Conversations that are offered at once in one instant; whoever comes after them is put off to its end."""
BURST_FITTING_MAX = 64
"""With more agents who have room for it nobody is put off: they would not be matched as a whole for long."""
BURST_AGENTS_MAX = 100
BURST_CONVERSATIONS_MAX = 200
BURST_KINDS_MAX = 20
BURST_EXCHANGES_MAX = 32
"""Agents, conversations, kinds of conversations matched together in one step, and exchanges among them: some
0.2 s of one core at the most. What is beyond goes one by one."""

# A policy beside the live one
SHADOW_OPEN_MAX = 10_000
"""Open conversations of a desk with which its shadow still begins: it copies them between two decisions,
0.2 s of one core at the most for so many, and everything else waits for it."""

# Sending
SEND_LEASE_MS = 30_000
"""From an attempt's commit to when it counts as uncertain without a result."""
SEND_TIMEOUT_MS = 20_000
"""A sender gives up calling the provider after this."""
SEND_DEAD_AFTER_MS = 24 * HOUR_MS
"""A send that was never accepted is given up after this."""
DELIVERY_DAYS = 7
"""How long a delivery report finds its send. WhatsApp reports for hours to days, bounces come within five."""
ANSWER_DAYS = 9
"""How long an answer of a conversation may turn out not to have arrived, from when it was asked for."""
SEND_BACKOFF_MS = (5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000)
"""Waits between attempts; the last repeats."""

assert 2 * RECORD_BYTES_MAX < BATCH_BYTES_MAX, "what follows from one record must fit one batch"
assert 2 * CONFIGURATION_BYTES_MAX < RECORD_BYTES_MAX, "a configuration must fit a record"
assert 2 * CONTENT_BYTES_MAX < RECORD_BYTES_MAX, "words that are no blob yet must fit a record"
assert SEND_DEAD_AFTER_MS + DELIVERY_DAYS * DAY_MS < ANSWER_DAYS * DAY_MS, "an answer outlives its reports"
assert SEND_TIMEOUT_MS < SEND_LEASE_MS, "a sender must know its result before its lease ends"
assert KEY_CACHE_MS < ERASURE_DELAY_MS, "no cache may outlive an erasure's delay"
assert PRESENCE_BEAT_MS < NOTICE_LOST_MS_MAX, "a lost agent must be noticed in time"
assert DEDUPLICATION_DAYS > INBOUND_KEPT_DAYS, "a replayed mailbox record must be recognised"
assert REQUEST_WAIT_MS < REQUEST_AGE_MS_MAX, "an edge gives up before an engine refuses"
