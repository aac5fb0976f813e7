"""What a fetch does with a broker that knows nothing of its session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchResponse_v11

from services.runtime.event_log import TopicPartition
from services.runtime.kafka_access import KafkaAccess
from services.runtime.kafka_wire import SESSION_ERRORS, Session, Wire


class Forgetful(Wire):
    """Its broker refuses the session of so many requests."""

    def __init__(self, refusals: int) -> None:
        super().__init__(KafkaAccess("nowhere:9092"))
        self.left = refusals
        self.asked = 0

    async def _asked(
        self, node: int, wanted: Mapping[TopicPartition, int], wait_ms: int, channel: object, session: Session
    ) -> Any:
        self.asked += 1
        self.left -= 1
        error = SESSION_ERRORS[0] if self.left >= 0 else 0
        return FetchResponse_v11(0, error, 7, [])


@pytest.mark.parametrize("refusals", [1, 100])
async def test_a_new_session_is_begun_once(refusals: int) -> None:
    """One refusal nobody hears of; a broker that refuses the new session, too, is an error."""
    wire, session = Forgetful(refusals), Session()
    fetch = wire.fetch(1, {TopicPartition("routing", 0): 5}, 0, "channel", session)
    if refusals == 1:
        assert await fetch == {}
        assert session.place() == (7, 1)
    else:
        with pytest.raises(KafkaError):
            await fetch
        assert session.place() == (0, 0)
    assert wire.asked == 2
    await wire.close()
