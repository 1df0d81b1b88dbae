"""Commands about API keys, as a user types them."""

import json
from pathlib import Path

import pytest

from serving.key_store import open_keys
from serving.keys import split_key
from tests.cli.test_messages import leadscore, refused
from wiring.settings import Settings


def test_a_key_from_its_making_to_its_end(tmp_path: Path) -> None:
    made = leadscore(
        *(tmp_path, "keys", "create", "--name", "crm", "--scope", "score", "--scope", "read"),
        *("--expires", "2999-01-01"),
    )
    assert made.returncode == 0, made.stderr
    key_id, secret = split_key(made.stdout.strip()) or ("", "")
    assert secret
    assert secret not in made.stderr
    assert "shown this once" in made.stderr
    listed = leadscore(tmp_path, "keys", "list", "--json")
    (row,) = json.loads(listed.stdout)
    assert (row["key_id"], row["name"], row["scopes"]) == (key_id, "crm", ["score", "read"])
    assert row["expires"] == "2999-01-01T00:00:00Z"
    assert secret not in listed.stdout
    gone = leadscore(tmp_path, "keys", "revoke", key_id, "--reason", "lost")
    assert gone.returncode == 0, gone.stderr
    assert "lost" in leadscore(tmp_path, "keys", "list", "--json").stdout
    assert not open_keys(Settings(home=tmp_path)).any_live()


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
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    refused(leadscore(tmp_path, "keys", *words), code, said)


def test_serving_to_others_without_a_key_is_refused(tmp_path: Path) -> None:
    answer = leadscore(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0")
    refused(answer, 3, "no key that is live", "leadscore keys create", "access-configured")
