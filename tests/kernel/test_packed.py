"""Ids and the 16 bytes behind them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ids import derive_id, text_id
from services.kernel.packed import ID_CHARS, derived, pack

RAW = st.binary(min_size=16, max_size=16)


@given(RAW)
def test_packing_undoes_writing(raw: bytes) -> None:
    """The bytes behind a written id are those it was made of."""
    assert len(text_id("c", raw)) == ID_CHARS
    assert pack(text_id("c", raw)) == raw


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_ids_stay_different(one: str, other: str) -> None:
    """Ids of any other form are told apart."""
    assert (pack(one) == pack(other)) == (one == other)


@given(RAW, st.integers(1, ID_CHARS - 1), st.sampled_from("gzABF_+- !ż"))
def test_no_alias_of_a_well_made_id(raw: bytes, at: int, letter: str) -> None:
    """An id with a letter that no id of ours has is another id."""
    text = text_id("c", raw)
    assert pack(text[:at] + letter + text[at + 1 :]) != raw


@given(st.binary(max_size=40), st.text(max_size=40))
def test_derived_is_what_derive_id_writes(part: bytes, text: str) -> None:
    """The bytes behind a derived id are the same whichever way they are made."""
    assert text_id("u", derived(part, text)) == derive_id("u", part, text)
