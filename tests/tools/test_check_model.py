"""The claim protocol, proved by the model checker over every behaviour of a small installation."""

from __future__ import annotations

import pytest

from tools.check_model import RULES, run

pytestmark = pytest.mark.long


def test_the_protocol_holds() -> None:
    """With all its rules the protocol loses nothing, decides nothing twice, and all readers agree."""
    verdict = run()
    assert verdict.violated == ""
    assert verdict.states > 10_000


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_needed(rule: str) -> None:
    """Without any one of its rules the protocol fails, so the model would notice a broken rule."""
    assert run(without=rule).violated
