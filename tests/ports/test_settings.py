"""Where stores are said to be: environment, the home's file, and no secret in any message."""

from pathlib import Path

import pytest

from config.settings import Settings, load_settings, write_home_settings
from domain.errors import BadConfiguration

SECRET = "s3cret-word"
URLS = {
    "signals_db": f"postgresql+psycopg://u:{SECRET}@h/d",
    "audit_db": f"postgresql://u:{SECRET}@h/d",
    "ledger_db": f"postgresql://u:{SECRET}@h/d",
    "access_db": f"postgresql://u:{SECRET}@h/d",
    "operate_db": f"postgresql://u:{SECRET}@h/d",
    "workflow_db": f"postgresql://u:{SECRET}@h/d",
    "online": f"redis://:{SECRET}@h:6379/1",
    "bus": f"nats://u:{SECRET}@h:4222",
}


def test_the_default_is_sqlite_in_the_home() -> None:
    settings = load_settings({"LEADSCORE_HOME": "/some/home"})
    assert settings.signals_db == "sqlite:////some/home/signals.db"
    assert (settings.online, settings.bus) == ("", "")


@pytest.mark.parametrize("name", URLS)
def test_the_environment_wins_over_the_homes_file(name: str, tmp_path: Path) -> None:
    write_home_settings(tmp_path, **URLS)
    home = {"LEADSCORE_HOME": str(tmp_path)}
    assert getattr(load_settings(home), name) == URLS[name]
    other = URLS[name].replace("@h", "@elsewhere")
    assert getattr(load_settings({**home, f"LEADSCORE_{name.upper()}": other}), name) == other


def test_another_process_gets_the_same_settings(tmp_path: Path) -> None:
    write_home_settings(tmp_path, **URLS, events_waiting="7")
    settings = load_settings({"LEADSCORE_HOME": str(tmp_path)})
    assert load_settings(settings.environment()) == settings
    assert load_settings(Settings(home=tmp_path / "x").environment()).home == tmp_path / "x"


@pytest.mark.parametrize("name", URLS)
def test_a_url_of_another_kind_is_refused_without_its_secret(name: str) -> None:
    with pytest.raises(BadConfiguration) as raised:
        load_settings({f"LEADSCORE_{name.upper()}": f"mysql://u:{SECRET}@h/d"})
    assert name in str(raised.value)
    assert SECRET not in str(raised.value)


def test_no_secret_in_the_repr(tmp_path: Path) -> None:
    write_home_settings(tmp_path, **URLS)
    settings = load_settings({"LEADSCORE_HOME": str(tmp_path)})
    assert SECRET not in f"{settings!r} {settings}"
