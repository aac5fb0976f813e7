"""Reply tokens: whoever holds the address may answer into its conversation, nobody else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.external_ids import external_hash, thread_hash
from services.kernel.ids import derive_id
from services.kernel.reply_token import conversation_of, plain_address, reply_address, reply_token

KEY = b"desk" * 8
ids = st.text().map(lambda seed: derive_id("c", seed))


@given(ids)
def test_an_address_names_its_conversation(conversation_id: str) -> None:
    """The address that a token makes gives the conversation back, in any case of letters."""
    address = reply_address(KEY, conversation_id, "pomoc@rowery.example")
    assert conversation_of(KEY, address) == conversation_id
    assert conversation_of(KEY, address.upper()) == conversation_id
    assert plain_address(address) == "pomoc@rowery.example"


@given(ids, st.integers(0, 37))
def test_a_forged_token_names_nothing(conversation_id: str, place: int) -> None:
    """A token with any letter changed, or of another desk, is no token."""
    token = reply_token(KEY, conversation_id)
    forged = token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]
    assert conversation_of(KEY, f"pomoc+{forged}@rowery.example") is None
    assert conversation_of(b"other" * 8, f"pomoc+{token}@rowery.example") is None


@given(st.text(max_size=120))
def test_any_address_is_read(address: str) -> None:
    """Whatever stands in an address line, reading it names a conversation of ours or none."""
    assert conversation_of(KEY, address) is None
    plain_address(address)


def test_an_address_that_would_grow_too_long_stays() -> None:
    """A local part stays within 64 characters, as RFC 5321 asks."""
    long = "x" * 40 + "@rowery.example"
    assert reply_address(KEY, derive_id("c", "1"), long) == long
    assert reply_address(KEY, derive_id("c", "1"), "no address") == "no address"


def test_a_message_id_is_one_with_and_without_brackets() -> None:
    """The hash of a Message-ID is the same with and without its angle brackets, and only that."""
    with_brackets = external_hash(KEY, "email", "a", " <x@y> ")
    assert with_brackets == external_hash(KEY, "email", "a", "x@y")
    assert with_brackets != external_hash(KEY, "email", "a", "X@y")
    assert with_brackets != external_hash(KEY, "email", "b", "x@y")
    assert external_hash(KEY, "chat", "a", "<x>") != external_hash(KEY, "chat", "a", "x")


def test_no_thread_has_no_hash() -> None:
    """A message without a thread of its sender's has none on the log either."""
    assert thread_hash(KEY, "chat", "a", "") == b""
    assert len(thread_hash(KEY, "chat", "a", "t")) == 16
