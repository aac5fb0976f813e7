"""Claims: the fence agrees with the rule, read plainly, on any log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim

BATCHES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 6), st.booleans()),
    max_size=40,
)


def make(epoch: int, seq: int, claim: bool) -> Batch:
    """A claim, or a data batch with one event."""
    return Batch(epoch=epoch, seq=seq, events=[] if claim else [b"event"])


def valid_by_the_book(log: list[tuple[int, int, bool]]) -> list[int]:
    """Indexes of the valid batches, by the definition alone: look at all that came before."""
    valid: list[int] = []
    for i, (epoch, seq, claim) in enumerate(log):
        epochs = [log[j][0] for j in valid if log[j][2]]
        current = epochs[-1] if epochs else 0
        data_before = sum(1 for j in valid if not log[j][2])
        if (claim and epoch > current) or (not claim and epoch == current and seq == data_before):
            valid.append(i)
    return valid


@given(BATCHES)
def test_the_fence_follows_the_rule(log: list[tuple[int, int, bool]]) -> None:
    """A batch is valid exactly if the definition says so, whatever lies in the log."""
    fence = Fence()
    admitted = [i for i, one in enumerate(log) if fence.admit(make(*one))]
    assert admitted == valid_by_the_book(log)


@given(BATCHES, st.integers(0, 40))
def test_a_position_continues_the_fold(log: list[tuple[int, int, bool]], at: int) -> None:
    """Who starts at a position (offset, epoch, next_seq) judges the rest as who started at zero."""
    whole, first = Fence(), Fence()
    expected = [whole.admit(make(*one)) for one in log]
    for one in log[:at]:
        first.admit(make(*one))
    resumed = Fence(first.epoch, first.next_seq)
    assert [resumed.admit(make(*one)) for one in log[at:]] == expected[at:]
    assert (resumed.epoch, resumed.next_seq) == (whole.epoch, whole.next_seq)


@given(BATCHES)
def test_valid_sequences_have_no_gaps(log: list[tuple[int, int, bool]]) -> None:
    """The seqs of valid data batches are 0, 1, 2 …, and the epochs of valid claims rise."""
    fence = Fence()
    batches = [make(*one) for one in log]
    valid = [batch for batch in batches if fence.admit(batch)]
    seqs = [batch.seq for batch in valid if not is_claim(batch)]
    epochs = [batch.epoch for batch in valid if is_claim(batch)]
    assert seqs == list(range(len(seqs)))
    assert epochs == sorted(set(epochs))


def test_seq_runs_on_across_claims() -> None:
    """A new owner continues the numbering of the one before."""
    fence = Fence()
    assert fence.admit(make(1, 0, True))
    assert fence.admit(make(1, 0, False))
    assert fence.admit(make(2, 0, True))
    assert not fence.admit(make(1, 1, False))
    assert fence.admit(make(2, 1, False))
    assert repr(fence) == "Fence(epoch=2, next_seq=2)"
