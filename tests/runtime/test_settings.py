"""Settings: what the environment may say, and how a mistake is answered."""

from __future__ import annotations

import pytest

from services.kernel.errors import Invalid, Problem
from services.runtime.settings import Settings, unknown, variables


def test_defaults_need_nothing() -> None:
    """An empty environment gives settings that work."""
    assert Settings.from_environment({}) == Settings()


def test_values_are_read() -> None:
    """Each type is read from its text, and an empty variable counts as not set."""
    settings = Settings.from_environment(
        {
            "CENTRALA_PORT": "9000",
            "CENTRALA_SMTP": "off",
            "CENTRALA_FSYNC_EXTRA_MS": "2.5",
            "CENTRALA_HOST": "",
        }
    )
    assert (settings.port, settings.smtp, settings.fsync_extra_ms) == (9000, False, 2.5)
    assert settings.host == Settings().host


def test_the_command_line_wins() -> None:
    """What is given on the command line goes before the environment; None is not given."""
    settings = Settings.from_environment({"CENTRALA_PORT": "9000"}, port=9001, data=None)
    assert (settings.port, settings.data) == (9001, "data")


def test_every_mistake_is_named_at_once() -> None:
    """A wrong start says everything that is wrong, with what is there and what may be."""
    with pytest.raises(Invalid) as caught:
        Settings.from_environment(
            {
                "CENTRALA_PORT": "80800",
                "CENTRALA_SMTP_PORT": "mail",
                "CENTRALA_SMTP": "maybe",
                "CENTRALA_LOG_LEVEL": "loud",
            }
        )
    assert caught.value.problems == [
        Problem("CENTRALA_PORT", "must be 0 to 65,535 (port), not '80800'"),
        Problem("CENTRALA_SMTP_PORT", "must be a whole number (port), not 'mail'"),
        Problem("CENTRALA_SMTP", "must be true or false, not 'maybe'"),
        Problem("CENTRALA_LOG_LEVEL", "must be one of debug, info, warning, error, not 'loud'"),
    ]


@pytest.mark.parametrize("value", ["nan", "-1", "1001", "inf"])
def test_numbers_keep_their_bounds(value: str) -> None:
    """What is out of bounds, or no number at all, is refused."""
    with pytest.raises(Invalid):
        Settings.from_environment({"CENTRALA_FSYNC_EXTRA_MS": value})


def test_secrets_are_never_shown() -> None:
    """A wrong secret is not repeated, and settings print without secrets."""
    with pytest.raises(Invalid) as caught:
        Settings.from_environment({"CENTRALA_ADMIN_KEY": "hunter2", "CENTRALA_MASTER_KEY": "z" * 9})
    assert "hunter2" not in str(caught.value)
    assert "zzz" not in str(caught.value)
    assert "0123456789abcdef0" not in repr(Settings(admin_key="0123456789abcdef0"))


def test_a_misspelt_variable_is_told() -> None:
    """A variable with our prefix that is no setting is named, with the nearest one."""
    assert unknown({"CENTRALA_PROT": "1", "PATH": "x", "CENTRALA_PORT": "1"}) == [
        "CENTRALA_PROT is not a setting of Centrala; did you mean CENTRALA_PORT?"
    ]


def test_defaults_are_in_bounds() -> None:
    """Every default would be accepted if it were written out."""
    written = {
        variable.name: str(default).lower() for _, _, default, variable in variables() if default != ""
    }
    assert Settings.from_environment(written) == Settings()
