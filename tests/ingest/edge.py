"""An ingest edge in memory for tests: a log that may fail, keys, blobs, one desk with its accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proto.v1 import desk_pb2, inbound_pb2
from proto.v1.envelope_pb2 import Sealed
from services.ingest.classify import Languages
from services.ingest.intake import Intake
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import ManualClock
from services.runtime.event_log import TopicPartition
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.sealing import Sealing

DESK = "rowery"
MAIL = "pomoc@rowery.example"
SECOND_MAIL = "zwroty@rowery.example"
SECRETS = {
    "env:TG": "telegram-secret-1\ntelegram-secret-2",
    "env:WA": "whatsapp-app-secret",
    "env:VT": "verify-me",
}


def desk() -> desk_pb2.DeskConfig:
    """A desk with two mailboxes, a bot and two numbers; its queues ask for attributes.topic."""
    accounts = [
        desk_pb2.Account(channel="email", account=MAIL),
        desk_pb2.Account(channel="email", account=SECOND_MAIL),
        desk_pb2.Account(channel="telegram", account="bot", app_secret="env:TG"),
        desk_pb2.Account(channel="telegram", account="open"),
        desk_pb2.Account(
            channel="whatsapp",
            account="48221",
            phone_number_id="1055",
            app_secret="env:WA",
            verify_token="env:VT",
        ),
        desk_pb2.Account(channel="whatsapp", account="48222", phone_number_id="1066", app_secret="env:WA"),
    ]
    condition = desk_pb2.Condition(field="attributes.topic", values=["dostawa"])
    queue = desk_pb2.Queue(name="dostawa", when=desk_pb2.When(any=[condition]))
    return desk_pb2.DeskConfig(name="Rowery", accounts=accounts, queues=[queue], languages=["pl", "en"])


class Desks:
    """The directory of one desk."""

    def __init__(self, one: desk_pb2.DeskConfig) -> None:
        self.desk = one

    def get(self, desk_id: str) -> desk_pb2.DeskConfig | None:
        """The desk, if it is this one."""
        return self.desk if desk_id == DESK else None

    def account(self, desk_id: str, channel: str, account: str) -> desk_pb2.Account | None:
        """Its account of that name."""
        found = (a for a in self.desk.accounts if (a.channel, a.account) == (channel, account))
        return next(found, None) if desk_id == DESK else None

    async def prepare(self, desk_id: str) -> None:
        """They are here."""

    async def email_accounts(self) -> Mapping[str, str]:
        """Its mail addresses."""
        return {a.account.lower(): DESK for a in self.desk.accounts if a.channel == "email"}


class FailingLog(MemoryLog):
    """A log whose next appends fail as told."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.failures: list[Exception] = []

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """Fail if that was ordered; append otherwise."""
        if self.failures:
            raise self.failures.pop(0)
        return await super().append(topic, partition, values)


class Edge:
    """The intake over stores in memory, and what it appended."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = FailingLog(self.clock)
        self.blobs = MemoryBlobs()
        self.sealing = Sealing(b"k" * 32, MemoryKeys(), self.clock)
        self.desks = Desks(desk())
        self.intake = Intake(self.log, self.sealing, self.blobs, self.clock, self.desks, languages=LANGUAGES)

    async def raw_records(self) -> list[bytes]:
        """Every record of the mailbox, as it lies in the log."""
        reader = self.log.reader({TopicPartition("inbound", 0): 0})
        try:
            return [record.value for record in (await reader.fetch(0)).records]
        finally:
            await reader.close()

    async def records(self) -> list[inbound_pb2.Inbound]:
        """Every record of the mailbox."""
        return [inbound_pb2.Inbound.FromString(value) for value in await self.raw_records()]

    async def blob(self, blob_id: str) -> bytes | None:
        """An opened blob."""
        sealed = await self.blobs.get(blob_id)
        return await self.sealing.open_bytes(Sealed.FromString(sealed)) if sealed else None


LANGUAGES = Languages()
