"""Settings: what the environment may say, and how a mistake is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kernel.errors import Invalid, Problem
from services.runtime.kafka_access import KafkaAccess
from services.runtime.redis_access import RedisAccess
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


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("KAFKA", "127.0.0.1:abc"),
        ("KAFKA", "kafka://127.0.0.1:9092"),
        ("KAFKA", "a:9092,"),
        ("KAFKA", "a:0"),
        ("KAFKA", "a:65536"),
        ("KAFKA_PREFIX", "a b/ą"),
        ("KAFKA_PREFIX", ".."),
        ("REDIS", "127.0.0.1:6379"),
        ("REDIS", "redis:/127.0.0.1:6379"),
        ("REDIS", "redis://127.0.0.1:abc"),
        ("REDIS", "http://127.0.0.1:6379"),
        ("REDIS", "redis://127.0.0.1:6379/first"),
        ("REDIS", "rediss://127.0.0.1:6379?ssl_cert_reqs=none"),
        ("ADMIN_KEY", "zażółć-gęślą-jaźń-0123"),
        ("ADMIN_KEY", "0123456789abcdef0\n"),
    ],
)
def test_a_text_has_its_form(name: str, wrong: str) -> None:
    """What could not work is refused at the start, by the setting's name, and what would be right is said."""
    with pytest.raises(Invalid, match=f"CENTRALA_{name} must be"):
        Settings.from_environment({f"CENTRALA_{name}": wrong})


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("KAFKA", "kafka"),
        ("KAFKA", "kafka-1.example:9092, 10.0.0.2:9093,[::1]:9092"),
        ("KAFKA_PREFIX", "Shop_2-test."),
        ("REDIS", "redis://user:p%40ss@redis.example:6379/2"),
        ("REDIS", "rediss://:secret@redis"),
        ("REDIS", "redis+cluster://[::1]:7000"),
        ("REDIS", "rediss+cluster://user:secret@redis:7000"),
        ("ADMIN_KEY", "ck_ab cd+/=0123456789"),
    ],
)
def test_a_text_of_the_form_is_taken(name: str, right: str) -> None:
    """The forms rule out nothing that works."""
    assert getattr(Settings.from_environment({f"CENTRALA_{name}": right}), name.lower()) == right


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (Settings(kafka="a:1", kafka_security="sasl_ssl"), "needs CENTRALA_KAFKA_USER"),
        (Settings(kafka="a:1", kafka_security="sasl_ssl", kafka_user="u"), "CENTRALA_KAFKA_PASSWORD"),
        (Settings(kafka="a:1", kafka_security="ssl", kafka_password="p"), "would not use it: sasl_ssl"),
        (Settings(kafka="a:1", kafka_ca="ca.crt"), "would not be used: CENTRALA_KAFKA_SECURITY=ssl"),
        (Settings(kafka="a:1", kafka_security="ssl", kafka_cert="user.crt"), "set both, or neither"),
        (Settings(kafka="a:1", kafka_password_file="nowhere"), "_PASSWORD_FILE: nowhere cannot be read"),
        (Settings(kafka="a:1", kafka_password_file="/dev/null"), "must hold a password on one line"),
        (Settings(), "set CENTRALA_KAFKA"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: Settings, word: str) -> None:
    """Nobody believes that a password or TLS protects the log while the settings leave it out."""
    with pytest.raises(Invalid, match=word):
        KafkaAccess.of(settings)


def test_certificates_go_with_tls() -> None:
    """Nobody believes that Redis is spoken to by TLS while its address says otherwise."""
    with pytest.raises(Invalid, match="CENTRALA_REDIS_CA is set, and would not be used"):
        RedisAccess.of(Settings(redis="redis://redis", redis_ca="ca.crt"))
    with pytest.raises(Invalid, match="CENTRALA_REDIS_CA: nowhere cannot be read"):
        RedisAccess.of(Settings(redis="rediss+cluster://redis", redis_ca="nowhere"))


def test_one_password_is_enough(tmp_path: Path) -> None:
    """Which of two holds is nothing to guess; and it is never shown."""
    file = tmp_path / "password"
    file.write_text("secret\n")
    for url, given in (("redis://redis", "another"), ("redis://:one@redis", "")):
        with pytest.raises(Invalid, match="one of them is enough"):
            RedisAccess.of(Settings(redis=url, redis_password=given, redis_password_file=str(file)))
    assert RedisAccess.of(Settings(redis="redis://redis", redis_password_file=str(file))).password.now() == (
        "secret"
    )
    with pytest.raises(Invalid, match="one of them is enough"):
        RedisAccess.of(Settings(redis="redis://:one@redis", redis_password="another"))
    assert "secret" not in repr(RedisAccess.of(Settings(redis="redis://redis", redis_password="secret")))


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
