"""Each process does its work with the base and its own extras; without them it says which."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from tests.commands import Answer, environment_of, leadscore
from tests.conftest import ROOT
from tests.fewer_libraries import command, environment_with
from tests.servers import Process, answers, free_port
from tests.waiting import until

pytestmark = pytest.mark.slow


class Installation:
    """Runs commands on a home, with some of the extras."""

    def __init__(self, folder: Path, home: Path, *extras: str, **said: str) -> None:
        fewer = environment_with(folder, *extras)
        self.environment = {**fewer, **environment_of(home), **said}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=550,
            check=False,
        )

    def done(self, *words: str) -> str:
        answer = self.run(*words)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout


@pytest.fixture
def journeys(tmp_path: Path) -> Path:
    path = tmp_path / "journeys.jsonl"
    told = leadscore(tmp_path / "none", "simulate", "--leads", "60", "--out", str(path))
    assert told.returncode == 0, told.stderr
    return path


def test_base_takes_events_in_and_shows_what_a_home_holds(tmp_path: Path, journeys: Path) -> None:
    base = Installation(tmp_path / "base", tmp_path / "home")
    (counts,) = json.loads(base.done("ingest", str(journeys), "--json")).values()
    assert counts["accepted"] > 1_000
    for words in (
        ["contracts", "list"],
        ["quarantine", "list"],
        ["quality", "show"],
        ["features", "services"],
        ["models", "list"],
        ["policy", "check", "standard"],
        ["rollout", "status"],
        ["lineage", "status"],
        ["keys", "list"],
        ["audit", "verify"],
    ):
        base.done(*words)


def test_a_worker_takes_the_bus(tmp_path: Path, journeys: Path, own_nats: Process) -> None:
    bus = f"nats://127.0.0.1:{own_nats.port}"
    worker = Installation(tmp_path / "bus", tmp_path / "home", "bus", LEADSCORE_BUS=bus)
    (sent,) = json.loads(worker.done("publish", str(journeys), "--json")).values()
    told = json.loads(worker.done("worker", "--until-idle", "--json"))
    assert told["counts"]["received"] == sent > 1_000


@contextmanager
def service(installation: Installation, port: int) -> Iterator[httpx.Client]:
    process = subprocess.Popen(
        command("serve", "--port", str(port)), env=installation.environment, cwd=ROOT
    )
    try:
        until(lambda: answers(port) or process.poll() is not None, 120)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            until(lambda: client.get("/readyz").status_code == 200, 120)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_the_service_and_scores_take_serve(tmp_path: Path, own_home: Settings) -> None:
    serve = Installation(tmp_path / "serve", own_home.home, "serve")
    out = tmp_path / "scores.jsonl"
    serve.done("score", "--all", "--out", str(out))
    lead = json.loads(out.read_text().splitlines()[0])["lead_id"]
    with service(serve, free_port()) as client:
        assert client.post("/score", json={"lead_id": lead}).status_code == 200
    # stages are the ledger's: MLflow, which is not there, hears of them later
    versions = json.loads(serve.done("models", "list", "--json"))
    challenger = next(v["label"] for v in versions if v["stage"] == "challenger")
    serve.done("promote", challenger, "--stage", "champion", "--reason", "r", "--override")


def test_training_takes_train(tmp_path: Path, own_home: Settings) -> None:
    train = Installation(tmp_path / "train", own_home.home, "train")
    config = tmp_path / "training.yaml"
    config.write_text(
        "trials: 1\niterations: 60\nborder_count: 32\nhorizon_days: 21\n"
        "cutoffs: {rule: every, days: 7}\n"
    )
    found = json.loads(train.done("train", "--config", str(config), "--json"))
    train.done("models", "compare", "lead-1", "lead-2")
    train.done("promote", found["label"], "--stage", "challenger", "--reason", "r", "--override")


def test_reports_and_comparisons_take_monitor(tmp_path: Path, own_home: Settings) -> None:
    scored = leadscore(own_home.home, "score", "--all", "--out", str(tmp_path / "scores.jsonl"))
    assert scored.returncode == 0, scored.stderr
    monitor = Installation(tmp_path / "monitor", own_home.home, "monitor")
    monitor.done("monitor", "report", "--out", str(tmp_path / "report"))
    assert (tmp_path / "report" / "report.html").is_file()
    compared = monitor.run("canary", "compare", "--json")
    assert json.loads(compared.stdout)["outcome"], compared.stderr


LACKING = [
    (["publish", "journeys.jsonl"], "bus"),
    (["worker"], "bus"),
    (["serve"], "serve"),
    (["score", "--all", "--out", "s.jsonl"], "serve"),
    (["train"], "train"),
    (["dataset", "--out", "rows.parquet"], "train"),
    (["reproduce", "lead-1"], "train"),
    (["models", "compare", "lead-1", "lead-2"], "train"),
    (["monitor", "report"], "monitor"),
    (["canary", "compare"], "monitor"),
    (["canary", "plan", "--difference", "0.01"], "monitor"),
    (["demo"], "serve,train,monitor"),
]


def refused(answer: Answer, home: Path, extras: str) -> None:
    assert answer.returncode == 3, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert line.startswith("leadscore: this needs libraries that are not installed: ")
    assert line.endswith(f'[extra-installed] Run: pip install "leadscore[{extras}]"')
    assert not home.exists()


@pytest.mark.parametrize(("words", "extras"), LACKING, ids=[" ".join(w) for w, _ in LACKING])
def test_who_lacks_an_extra_is_told_so_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], extras: str
) -> None:
    monkeypatch.setattr("config.extras.find_spec", lambda _: None)
    refused(leadscore(tmp_path / "home", *words), tmp_path / "home", extras)


@pytest.mark.parametrize(
    ("words", "extras"), [(["train"], "train"), (["rollout", "tick"], "monitor")]
)
def test_a_process_that_meets_a_missing_library_says_so(
    tmp_path: Path, words: list[str], extras: str
) -> None:
    base = Installation(tmp_path / "base", tmp_path / "home")
    refused(base.run(*words), tmp_path / "home", extras)


TOOLS = """
import json, sys
from config.settings import load_settings
from domain.errors import LeadscoreError
from jobs.assistants.caller import ToolCaller
from jobs.assistants.desk import ToolDesk
from jobs.assistants.tools import TOOLS
from wiring.serving import open_runtime

lead, decision, policy = sys.argv[1:]
by_name = {
    "find_lead": {"lead_id": lead},
    "explain_score": {"lead_id": lead},
    "what_if": {"lead_id": lead, "changes": {"events_30d": 3.0}},
    "next_leads": {},
    "why_not": {"lead_id": lead, "grade": "A"},
    "compare_over_time": {"lead_id": lead},
    "replay_decision": {"decision_id": decision},
    "policy_diff": {"policy": policy},
    "policy_backtest": {"policy": policy},
    "accept_lead": {"lead_id": lead, "reason": "r"},
    "reject_lead": {"lead_id": lead, "reason": "r"},
    "propose_policy": {"policy": {"name": "x"}, "reason": "r"},
    "request_promotion": {"version": "lead-2", "kind": "model", "reason": "r"},
    "record_outcome": {"lead_id": lead, "outcome": "won", "reason": "r"},
}
settings = load_settings()
runtime = open_runtime(settings)
desk = ToolDesk(settings, lambda: runtime)
caller = ToolCaller("key:tests", frozenset({"admin"}), "test")
outcomes = {}
for name in TOOLS:
    try:
        desk.call(name, by_name.get(name, {}), caller)
        outcomes[name] = "ok"
    except LeadscoreError as error:
        outcomes[name] = f"{error.rule}: {error.todo}"
print(json.dumps(outcomes))
"""


def test_a_tool_that_lacks_an_extra_names_it(tmp_path: Path, own_home: Settings) -> None:
    out = tmp_path / "scores.jsonl"
    scored = leadscore(own_home.home, "score", "--all", "--out", str(out))
    assert scored.returncode == 0, scored.stderr
    first = json.loads(out.read_text().splitlines()[0])
    assistants = Installation(tmp_path / "mcp", own_home.home, "mcp")
    absent = tmp_path / "mcp" / "absent.json"
    modules, distributions = json.loads(absent.read_text())
    # CatBoost brings it without saying what of it
    absent.write_text(json.dumps([[*modules, "scipy.special"], distributions]))
    answer = subprocess.run(
        [sys.executable, "-c", TOOLS, first["lead_id"], first["decision_id"], "generic"],
        env=assistants.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    outcomes = json.loads(answer.stdout.splitlines()[-1])
    assert outcomes["policy_backtest"] == 'extra-installed: Run: pip install "leadscore[monitor]"'
    assert not [name for name, said in outcomes.items() if said.startswith("internal")], outcomes
    assert outcomes["policy_diff"] == outcomes["explain_score"] == "ok", outcomes
