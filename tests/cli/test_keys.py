"""Commands about API keys, as a user types them."""

import json
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from leadscore.cli import main
from serving.auth.api_key_store import open_keys
from serving.auth.api_keys import split_key


class Shell:
    """Runs commands in this process, on a home of the test's own."""

    def __init__(
        self, home: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]
    ) -> None:
        patch.setenv("LEADSCORE_HOME", str(home))
        self._patch = patch
        self._captured = captured
        self.errors = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        """What the command writes to standard output; it must end with the code."""
        self._patch.setattr(sys, "argv", ["leadscore", *words])
        ended = 0
        try:
            main()
        except SystemExit as end:
            ended = int(end.code or 0)
        said = self._captured.readouterr()
        self.errors = said.err
        assert ended == code, said.err
        assert "Traceback" not in said.err
        return said.out


@pytest.fixture
def leadscore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    return Shell(tmp_path, monkeypatch, capsys)


def test_a_key_from_its_making_to_its_end(leadscore: Shell, tmp_path: Path) -> None:
    words = ("keys", "create", "--name", "crm", "--scope", "score", "--scope", "read")
    key_id, secret = split_key(leadscore(*words, "--expires", "2999-01-01").strip()) or ("", "")
    assert secret
    assert secret not in leadscore.errors
    assert "shown this once" in leadscore.errors
    listed = leadscore("keys", "list", "--json")
    (row,) = json.loads(listed)
    assert (row["key_id"], row["name"], row["scopes"]) == (key_id, "crm", ["score", "read"])
    assert row["expires"] == "2999-01-01T00:00:00Z"
    assert secret not in listed
    assert key_id in leadscore("keys", "list")
    assert key_id in leadscore("keys", "revoke", key_id, "--reason", "lost")
    assert "lost" in leadscore("keys", "list", "--json")
    assert not open_keys(Settings(home=tmp_path)).any_live()
    leadscore("keys", "revoke", key_id, "--reason", "again", code=1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "--name", "crm", "--scope", "all"), 2, "scopes are"),
        (("create", "--name", "crm"), 2, "--scope"),
        (("create", "--name", "", "--scope", "read"), 2, "key-name"),
        (("create", "--name", "a", "--scope", "read", "--expires", "soon"), 2, "2027-01-31"),
        (("create", "--name", "a", "--scope", "read", "--expires", "2020-01-01"), 2, "expired"),
        (("revoke", "0123456789abcdef", "--reason", "x"), 3, "keys list"),
        (("revoke", "0123456789abcdef"), 2, "--reason"),
    ],
)
def test_a_mistake_is_one_clear_line(
    leadscore: Shell, words: tuple[str, ...], code: int, said: str
) -> None:
    leadscore("keys", *words, code=code)
    assert said in leadscore.errors


def test_serving_to_others_without_a_key_is_refused(leadscore: Shell) -> None:
    leadscore("serve", "--host", "0.0.0.0", "--port", "0", code=3)
    for part in ("no live key", "leadscore keys create", "access-configured"):
        assert part in leadscore.errors
