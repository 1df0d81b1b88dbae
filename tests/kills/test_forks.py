"""The harness's own promise: a forked command runs as one that is begun from this process."""

from pathlib import Path

import pytest

from tests.soak.commands import finish, fork, said, until


def test_a_forked_command_has_the_variables_of_its_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"LEADSCORE_HOME": str(tmp_path / "home")}
    finish(fork(environment, "models", "list"), environment)
    monkeypatch.setenv("LEADSCORE_CLOCK", "sundial")
    refused = fork(environment, "models", "list")
    until(lambda: refused.ended() is not None)
    assert refused.ended() == 2
    assert "LEADSCORE_CLOCK" in said(environment)
    monkeypatch.delenv("LEADSCORE_CLOCK")
    finish(fork(environment, "models", "list"), environment)
