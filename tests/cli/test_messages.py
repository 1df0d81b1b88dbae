"""What a user sees who makes a mistake: one clear line, the documented exit code, nothing lost."""

import gzip
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from domain.signals import Signal
from tests.commands import Answer, environment_of, leadscore, program
from tests.conftest import ROOT, Trained
from tests.soak.commands import begin, finish, fork, said
from tests.waiting import until
from wiring.registry import open_registry


def refused(answer: Answer, code: int, *said: str) -> None:
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr
    for part in said:
        assert part in answer.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    answer = program(tmp_path, "--help")
    assert answer.returncode == 0
    for command in ("demo", "ingest", "train", "promote", "score", "serve", "canary", "audit"):
        assert command in answer.stdout
    assert "130" in answer.stdout


def test_help_loads_no_heavy_library() -> None:
    heavy = {"mlflow", "feast", "evidently", "catboost", "bentoml", "optuna", "pandas", "numba"}
    code = "import sys, leadscore.cli; print(*[m for m in sys.modules if '.' not in m])"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not heavy & set(said.stdout.split())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ingest", "no-such-file.jsonl"], 3, "no such file"),
        (["train"], 3, "nothing has been ingested here yet"),
        (["score", "lead_x"], 3, "nothing has been ingested here yet"),
        (["models", "show", "lead-9"], 3, "lead-9"),
        (["score", "--all"], 2, "--out"),
        (["score"], 2, "name leads"),
        (["no-such-command"], 2, "No such command"),
        (["promote", "1", "--stage", "king", "--reason", "x"], 2, "king"),
        (["simulate", "--scenario", "odd", "--out", "x.jsonl"], 2, "steady"),
        (["policy", "check", "nowhere.json"], 3, "nowhere.json"),
        (["train", "--config", "nowhere.yaml"], 3, "nowhere.yaml"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_mistakes(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    refused(leadscore(tmp_path / "home", *words), code, said)


@pytest.mark.parametrize(("words", "code"), [("score lead_x", 3), ("no-such-command", 2)])
def test_the_program_itself_ends_in_one_line_and_a_code(
    tmp_path: Path, words: str, code: int
) -> None:
    refused(program(tmp_path / "home", *words.split()), code)


def test_unreadable_files(tmp_path: Path) -> None:
    binary, broken, table = (tmp_path / n for n in ("b.jsonl", "b.jsonl.gz", "t.csv"))
    binary.write_bytes(bytes(range(256)) * 10)
    broken.write_bytes(gzip.compress(b'{"id": 1}\n' * 5000)[:-30])
    table.write_text("a,b\n1,2\n")
    home = tmp_path / "home"
    refused(leadscore(home, "ingest", str(binary)), 2, "binary")
    refused(leadscore(home, "ingest", str(broken)), 2, "gzip")
    refused(leadscore(home, "ingest", str(table)), 2, "--mapping")


def test_a_mapping_that_names_an_absent_column(tmp_path: Path) -> None:
    table, mapping = tmp_path / "t.csv", tmp_path / "m.yaml"
    table.write_text("case,at,what\n1,2025-01-01T00:00:00Z,x\n")
    mapping.write_text(
        "name: t\nsource: t\ntables:\n  - identifiers: {crm_id: cse}\n"
        "    events:\n      - {type: t.seen, channel: web, time: at}\n"
    )
    answer = leadscore(tmp_path / "home", "ingest", str(table), "--mapping", str(mapping))
    refused(answer, 2, "cse", "column 1 is close")


def test_a_setting_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("clok: system\n")
    refused(leadscore(tmp_path, "contracts", "list"), 2, "clok")


def test_a_bad_signal_on_standard_input_is_kept(tmp_path: Path) -> None:
    good = Signal(
        id="1",
        source="web",
        type="web.page_viewed",
        time="2025-01-01T00:00:00Z",  # type: ignore[arg-type]
        identifiers={"email": "someone@company.com"},
        data={"page": "pricing"},
    )
    import msgspec

    lines = msgspec.json.encode(good).decode() + '\n{"id": 7}\n'
    answer = program(tmp_path, "ingest", "-", "--json", stdin=lines)
    assert answer.returncode == 0, answer.stderr
    assert '"accepted": 1' in answer.stdout
    assert '"quarantined": 1' in answer.stdout
    listed = leadscore(tmp_path, "quarantine", "list")
    assert "envelope" in listed.stdout
    assert "someone@company.com" not in listed.stdout + listed.stderr + answer.stderr


def test_unknown_leads(own_home: Settings) -> None:
    refused(leadscore(own_home.home, "score", "lead_nobody"), 3, "no lead has that id")
    refused(leadscore(own_home.home, "score", "email:no@where.org"), 3, "identifiers")
    refused(leadscore(own_home.home, "score", "shoe:43"), 2, "kind of identifier")


def test_a_port_in_use(trained: Trained) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(program(trained.settings.home, "serve", "--port", port), 2, port, "in use")


def test_reading_commands_answer_in_json(trained: Trained) -> None:
    import msgspec

    home = trained.settings.home
    for words in (
        ["models", "list"],
        ["contracts", "list"],
        ["quarantine", "list"],
        ["policy", "list"],
        ["rollout", "status"],
        ["audit", "verify"],
    ):
        answer = leadscore(home, *words, "--json")
        assert answer.returncode == 0, answer.stderr
        assert msgspec.json.decode(answer.stdout) is not None


def test_training_that_is_interrupted_goes_on(own_home: Settings) -> None:
    environment = own_home.environment()
    config = own_home.home / "training.yaml"
    config.write_text(
        "horizon_days: 21\ncutoffs: {rule: every, days: 7}\ntrials: 500\n"
        "iterations: 60\nborder_count: 32\nseed: 3\n"
    )
    words, versions = ["train", "--config", str(config)], open_registry(own_home).versions()
    run = begin(environment, *words)
    until(lambda: "trial 5/" in said(environment) or run.ended() is not None)
    run.tell(signal.SIGINT)
    first = said(environment)
    assert run.ended() == 130, first
    assert "interrupted:" in first
    assert "no version was registered" in first
    assert open_registry(own_home).versions() == versions
    assert "Traceback" not in first
    (journal,) = (
        p
        for p in (own_home.home / "studies").iterdir()
        if p.suffix == ".journal" and p.stat().st_mtime > config.stat().st_mtime
    )
    before = journal.stat().st_size
    resumed = begin(environment, *words)
    until(
        lambda: (
            "trial" in said(environment)[len(first) :].rpartition("\n")[0]
            or resumed.ended() is not None
        )
    )
    resumed.tell(signal.SIGINT)
    line = next(x for x in said(environment)[len(first) :].splitlines() if "trial" in x)
    assert int(line.split("trial ")[1].split("/")[0]) >= 5
    assert journal.stat().st_size >= before


ONE = (
    '{"id":"%s","source":"t","type":"web.page_viewed","time":"2026-01-01T00:00:00Z",'
    '"identifiers":{"email":"%s"},"data":{"page":"/"}}\n'
)


def test_a_home_that_is_broken_is_told_in_one_line(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "one.jsonl"
    file.write_text(ONE % ("1", "ann@acme.com"))
    environment = environment_of(home)
    finish(fork(environment, "ingest", str(file)), environment)
    (home / "settings.yaml").write_text("foo: [")
    refused(leadscore(home, "quarantine", "list"), 2, "settings.yaml", "[settings]")
    (home / "settings.yaml").unlink()
    (home / "definition.json").write_text("no")
    refused(leadscore(home, "quarantine", "list"), 2, "definition.json", "[definition-whole]")
    assert leadscore(home, "ingest", str(file)).returncode == 2
    (home / "definition.json").unlink()
    for name in ("signals.db", "signals.db-wal", "signals.db-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "signals.db").write_text("this is no database, however long one looks at it" * 100)
    refused(leadscore(home, "ingest", str(file)), 3, "not a database", "[database-usable]")
    taken = tmp_path / "taken"
    taken.write_text("a file")
    refused(leadscore(taken, "ingest", str(file)), 2, "[file-access]")


def test_a_folder_is_no_file_and_those_before_it_are_counted(tmp_path: Path) -> None:
    file, cut = tmp_path / "one.jsonl", tmp_path / "cut.jsonl.gz"
    file.write_bytes(b"\xef\xbb\xbf" + (ONE % ("1", "ann@acme.com")).encode() + b"{not JSON\n")
    cut.write_bytes(gzip.compress((ONE % ("2", "b@acme.com")).encode() * 500)[:60])
    refused(leadscore(tmp_path / "h", "ingest", str(tmp_path)), 3, "no regular file")
    answer = leadscore(tmp_path / "h", "ingest", str(file), str(cut))
    refused(answer, 2, "cut.jsonl.gz", "[gzip-damaged]")
    assert "one.jsonl" in answer.stdout
    assert answer.stdout.split()[-4:] == ["2", "1", "0", "1"]
    listed = leadscore(tmp_path / "h", "quarantine", "list")
    assert "not JSON: JSON is malformed" in listed.stdout


def test_who_is_who_is_told_with_its_reasons_also_after_a_rebuild(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "some.jsonl"
    both = ONE.replace('"%s"}', '"%s","cookie":"c1"}')
    file.write_text(ONE % ("1", "ann@acme.com") + both % ("2", "ann@acme.com"))
    assert leadscore(home, "ingest", str(file)).returncode == 0
    shown = leadscore(home, "identity", "show", "cookie:c1").stdout
    assert "email, cookie" in shown
    assert "web.page_viewed" in shown
    split = ["identity", "split", "email:ann@acme.com", "cookie:c1", "--reason"]
    refused(leadscore(home, *split, "  "), 2, "[reason-given]")
    assert leadscore(home, *split, "two people").returncode == 0
    before = leadscore(home, "identity", "show", "cookie:c1").stdout
    assert before.count("two people") >= 2  # why they are kept apart, and what was decided
    assert leadscore(home, "features", "rebuild").returncode == 0
    assert leadscore(home, "identity", "show", "cookie:c1").stdout == before


def test_a_policys_check_loads_no_compiler_and_no_way_in(tmp_path: Path) -> None:
    """What took half its time, and it has no use for."""
    heavy = {"numba", "requests", "tldextract", "pandas", "mlflow", "signals.ingest.ingest"}
    run = (
        "import sys; from leadscore.cli import main\n"
        "try: main()\n"
        f"finally: print(sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run, "policy", "check", "standard"],
        env={**os.environ, "LEADSCORE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["nothing found", "[]"]
