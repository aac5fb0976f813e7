"""The metrics of what the desks are doing: messages, who waits, agents, promises, sends.

`metrics.py` says what holds for all metrics.
"""

from __future__ import annotations

from services.runtime.measures import Definitions

SKILLS_MAX = 50
"""Skills that are told apart in metrics, first come; so that the number of series stays small."""

CHANNELS = frozenset(
    """email chat whatsapp telegram sms voice messenger instagram allegro api webhook""".split()
)
"""Channels that are told apart in metrics; the others count as "other". "webhook": what goes to a URL."""

# From far below an fsync to the 3 s after which an edge gives up, about two steps an octave where
# the targets lie (milliseconds).
SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    3.0,
    10.0,
)
# People's times: from an answer at once to the day after.
WAITS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0)


def channel_label(channel: str) -> str:
    """The channel as a label: itself where it is known, else "other"."""
    return channel if channel in CHANNELS else "other"


class DeskMetrics(Definitions):
    """One attribute each."""

    def define_desks(self) -> None:
        """Make all of them."""
        self._work()
        self._waiting()
        self._people()
        self._promises()
        self._sending()

    def _work(self) -> None:
        """What the desks are doing."""
        self.events = self._tallied(
            "events_total",
            "events",
            "Committed events by topic and kind (see events.md): routing's `accepted` counts accepted "
            "offers, sla's `breached` broken promises, conversations' `duplicate` repeated messages.",
            ("topic", "kind"),
        )
        self.messages = self._tallied(
            "messages_total", "messages", "Customers' new messages, by channel.", ("channel",)
        )
        self.quarantined = self._tallied(
            "quarantined_total", "records", "Records that could not be understood, by reason.", ("reason",)
        )
        self.requests_refused = self._tallied(
            "requests_refused_total",
            "requests",
            "Agents' requests that were refused, by reason.",
            ("reason",),
        )
        self.hop_seconds = self._histogram(
            "hop_seconds",
            "seconds",
            "From the mailbox's word that it has a message (which request_seconds ends with): `threaded` in "
            "its conversation, `queued` in line, `offered` to an agent, where one was free at once. `sent`: "
            "from an admitted reply, or a notice that nothing held, to the provider's word. All committed.",
            ("hop",),
            SECONDS,
        )
        self.event_loop_late_seconds = self._histogram(
            "event_loop_late_seconds",
            "seconds",
            "How much later than asked for the process woke up, looked at ten times a second: how long "
            "everything else stood still.",
            (),
            SECONDS,
        )

        self.clock_behind_seconds = self._gauge(
            "clock_behind_seconds",
            "seconds",
            "How far the machine's clock is behind the log's (embedded mode); time goes slower until it "
            "has caught up.",
            (),
            "max",
        )

    def _waiting(self) -> None:
        """Who waits for an agent, and how long."""
        self.conversations = self._levels(
            "conversations",
            "conversations",
            "Conversations: `open`, and of these `waiting`, `offered`, `owned`.",
            ("state",),
        )
        self.waiting = self._levels(
            "waiting_conversations", "conversations", "Who waits now, by channel.", ("channel",)
        )
        self.waiting_oldest_seconds = self._levels(
            "waiting_oldest_seconds", "seconds", "For how long who has waited longest.", ("channel",), "max"
        )
        self.skill_waiting = self._levels(
            "skill_waiting_conversations",
            "conversations",
            "Who waits now, by skill that is asked for: under each of several, under `none` for none. Names "
            "beyond 50 are `other`.",
            ("skill",),
        )
        self.nobody_waiting = self._levels(
            "nobody_waiting_conversations",
            "conversations",
            "Who waits now for what nobody who is there can do: levels, languages and channels count too. By "
            "skill as above.",
            ("skill",),
        )
        self.skill_waiting_oldest_seconds = self._levels(
            "skill_waiting_oldest_seconds",
            "seconds",
            "For how long who has waited longest, by skill as above.",
            ("skill",),
            "max",
        )
        self.queued = self._tallied(
            "queued_total",
            "conversations",
            "How often a conversation began to wait, by reason: arrived, reopened, declined, expired, "
            "agent_lost, ...",
            ("reason",),
        )
        self.wait_seconds = self._histogram(
            "wait_seconds",
            "seconds",
            "How long a customer waited until an agent accepted, by channel.",
            ("channel",),
            WAITS,
        )

    def _people(self) -> None:
        """Agents and what they are offered."""
        self.agents = self._levels(
            "agents",
            "agents",
            "Agents, human and bot: `free` and `full` are online, `lost` have no session, `away` is who says "
            "busy, away, offline, or nothing.",
            ("kind", "state"),
        )
        self.skill_agents = self._levels(
            "skill_agents", "agents", "Agents who are online with a skill, free or full.", ("skill", "state")
        )
        self.capacity_units = self._levels(
            "capacity_units",
            "units",
            "Capacity of who is online, in `all`, and of it `used` by what they are offered and own.",
            ("kind", "state"),
        )
        self.offer_seconds = self._histogram(
            "offer_seconds",
            "seconds",
            "How long an offer was open until it was accepted, declined, expired, withdrawn.",
            ("outcome",),
            WAITS,
        )

    def _promises(self) -> None:
        """What customers were promised."""
        self.promises = self._tallied(
            "promises_total",
            "promises",
            "Promises by kind and outcome: `kept` in time; `broken` when it was due; `unbroken`: was broken, "
            "but the answer turned out to be in time; `late`: kept after it was broken.",
            ("kind", "outcome"),
        )
        self.promises_open = self._levels(
            "promises_open",
            "promises",
            "Promises that run, by kind: `running`, `at_risk` after the warning, `broken` and still owed, "
            "`answering` while an answer is on its way, `paused` while the customer has the word.",
            ("kind", "state"),
        )

    def _sending(self) -> None:
        """The outbox."""
        self.sends = self._tallied(
            "sends_total",
            "sends",
            "Replies, notices and webhooks by kind and outcome: requested, sent, delivered, deferred, "
            "failed, uncertain, suppressed. Kind `any`: not known any more.",
            ("kind", "outcome"),
        )
        self.sends_open = self._levels(
            "sends_open",
            "sends",
            "Sends without a result: `calling` a provider, `held` until later, `due`.",
            ("state",),
        )
        self.suppressed = self._tallied(
            "notices_suppressed_total", "notices", "Notices that are not sent, by reason.", ("reason",)
        )
        self.provider_calls = self._counter(
            "provider_calls_total",
            "calls",
            "Calls of providers by channel and outcome: sent, retry (not sent, tried again), failed (for "
            "good), uncertain.",
            ("channel", "outcome"),
        )
        self.provider_seconds = self._histogram(
            "provider_seconds", "seconds", "One call of a provider, by channel.", ("channel",), SECONDS
        )
