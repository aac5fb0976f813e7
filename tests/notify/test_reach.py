"""At which of an order's addresses its customer is told."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.envelope_pb2 import Sealed
from proto.v1.notices_pb2 import SUPPRESSED_WHY_NO_ADDRESS, SUPPRESSED_WHY_OVERTAKEN
from services.kernel.limits import HOUR_MS
from tests.notify import samples as s
from tests.story import START_MS, Story

LATE = s.PROMISED + 24 * HOUR_MS
NIGHT = (22 * 60, 8 * 60)


def order(*channels: str, **more: Any) -> Any:
    """An order whose customer has an address on each of these channels."""
    seen = s.order(channel=channels[0], **more)
    seen.order.identity_channels[:] = channels
    seen.order.more_identities.extend(
        Sealed(key_id=channel.encode(), nonce=b"n", data=b"address") for channel in channels[1:]
    )
    return seen


def told(desk: DeskConfig, *channels: str) -> Story:
    """The desk, an order, and its parcel that comes late."""
    return s.story(desk).when("conversations", order(*channels)).when("conversations", s.shipment(LATE))


@pytest.mark.parametrize(
    ("desk", "channels", "channel", "key_id"),
    [
        (s.desk(), ("email", "whatsapp"), "email", b"key-1"),
        (s.desk(), ("voice", "sms", "email", "whatsapp"), "email", b"email"),
        (s.desk(), ("chat", "email"), "email", b"email"),
        (s.desk("notice"), ("voice", "email"), "voice", b"key-1"),
        (s.desk("notice"), ("chat", "email"), "chat", b"key-1"),
    ],
)
def test_the_first_address_that_there_is_a_way_to_is_told(
    desk: DeskConfig, channels: tuple[str, ...], channel: str, key_id: bytes
) -> None:
    """A telephone number that the desk cannot write to does not keep the mail address behind it from being
    told; nor does a web chat that nobody would ask for it."""
    story = told(desk, *channels)
    requested = story.body("requested")
    assert (requested.channel, requested.route.key_id) == (channel, key_id)
    assert requested.route_is_identity
    story.then_replays()


@pytest.mark.parametrize("channels", [("voice", "sms"), ("chat",)])
def test_who_is_reached_nowhere_is_not_called_told(channels: tuple[str, ...]) -> None:
    """Without a way to any address the notice is suppressed, for a lead to see: nobody has it."""
    assert told(s.desk(), *channels).body("suppressed").why == SUPPRESSED_WHY_NO_ADDRESS


def test_an_address_that_is_put_right_in_the_night_counts_behind_others_too() -> None:
    """The address that a held notice goes to is compared, wherever it stands among the order's."""
    story = s.story(s.desk(quiet=NIGHT)).at(START_MS + 14 * HOUR_MS)
    story.when("conversations", order("voice", "email")).when("conversations", s.shipment(LATE))
    story.when("conversations", order("voice", "email", value_minor=1)).then_bodies("order")
    other = order("voice", "email")
    other.order.more_identities[0].key_id = b"another"
    story.when("conversations", other).then_bodies("order", "suppressed", "delay_planned")
    assert story.body("suppressed").why == SUPPRESSED_WHY_OVERTAKEN
