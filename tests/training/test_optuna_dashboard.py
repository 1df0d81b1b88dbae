"""Optuna's dashboard shows the studies of a home, by its own command."""

import subprocess
import sys
from pathlib import Path

import httpx

from tests.conftest import Trained
from tests.servers import answers, free_port
from tests.waiting import until

TRIALS = 2


def test_the_dashboard_shows_a_study_and_its_trials(trained: Trained) -> None:
    journals = sorted((trained.settings.home / "studies").glob("*.journal"))
    assert journals
    port = free_port()
    command = [Path(sys.executable).parent / "optuna-dashboard", journals[0], "--port", str(port)]
    process = subprocess.Popen(list(map(str, command)))
    try:
        until(lambda: answers(port) or process.poll() is not None, 120)
        url = f"http://127.0.0.1:{port}"
        (study,) = httpx.get(f"{url}/api/studies", timeout=60).json()["study_summaries"]
        assert study["study_name"] == journals[0].stem
        shown = httpx.get(f"{url}/api/studies/{study['study_id']}?after=0", timeout=60).json()
        assert len(shown["trials"]) >= TRIALS
        assert httpx.get(f"{url}/dashboard", timeout=60).status_code == 200
    finally:
        process.terminate()
        process.wait(30)
