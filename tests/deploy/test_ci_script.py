"""What CI runs is a script that a shell can read, and ends with the project's own `make ci`."""

import subprocess

from tests.conftest import ROOT

SCRIPT = ROOT / ".ci" / "run"


def test_the_script_is_one() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    lines = SCRIPT.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[-1] == "make ci"
    assert "set -euo pipefail" in lines[:4], "nothing runs before errors end it"
    assert SCRIPT.stat().st_mode & 0o100
