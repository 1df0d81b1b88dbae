"""Every command and every endpoint, fed with marked values: the mark is in nothing that is said.

Commands are taken from the command line itself and endpoints from the service's own description,
so a new one is tried without being named here, or fails for want of a value to give it.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import typer

from config.settings import Settings
from leadscore.cli import app
from serving.supervisor import start
from tests.commands import leadscore
from tests.conftest import Trained
from tests.files.test_commands import CELLS, GOOD, GOOD_CELLS, HEADER, MAPPING, MARK
from tests.observability.collector import collecting

MARKED, NUMBER = f"{MARK}@{MARK}.example", "+1 555 867 5309"
PERSONAL = (f"email:{MARKED}", MARKED, f"phone:{NUMBER}", f"{MARKED}=1")
"""What a person may type, or paste, where a command asks for a text."""

GIVEN = {
    "files": "FILE", "mapping": "MAPPING", "config": "FILE", "plan": "FILE", "figures": "FILE",
    "verdict": "FILE", "service": "FILE", "folder": "FOLDER", "file": "FILE", "now": "FILE",
    "against": "FILE", "anchor": "FILE", "home": "FILE", "out": "OUT", "report": "OUT",
    "junit": "OUT", "to": "OUT", "svg": "OUT", "mermaid": "OUT", "origin": "FILE",
    "version": "lead-1", "a": "lead-1", "b": "lead-2", "champion": "lead-1",
    "challenger": "lead-2", "label": "standard_v1", "event_type": "web.page_viewed",
    "quarantine_id": "0" * 16, "decision_id": "0" * 32, "key_id": "0" * 16, "about": "web",
    "key": "crm_id:1", "apart": "crm_id:2", "lead": "crm_id:1", "reason": "tests",
    "stage": "champion", "mode": "canary", "kind": "model", "scope": "score", "name": "tests",
    "number": "1", "difference": "0.01", "channel": "nobody", "source": "FILE", "one": "FILE",
    "other": "FILE", "action": "accept",
    "until": (datetime.now(UTC) + timedelta(days=30)).date().isoformat(),
}  # fmt: skip
"""A plain value of every required parameter, and the parameters that name files."""

FILES = {"FILE", "MAPPING", "FOLDER", "OUT"}
SLOW = {"simulate", "policy diff", "policy register", "features build", "features rebuild"}
"""Commands that are given one file of each kind only, for they take a second each time."""

LONG = {
    "train", "demo", "reproduce", "simulate", "worker", "serve", "features build",
    "features rebuild", "bundle", "features feast",
}  # fmt: skip
"""Commands that work for a while on a home with versions; none of them looks one lead up."""

_KEY = "a configuration file's own unknown key is what the message is about"
SHOWS: dict[tuple[str, str], str] = {
    ("train", "config"): _KEY,
    ("dataset", "config"): _KEY,
    ("features build", "service"): _KEY,
    ("features rebuild", "service"): _KEY,
    ("rollout start", "plan"): _KEY,
    ("rollout tick", "figures"): _KEY,
    ("rollout tick", "verdict"): _KEY,
    ("policy check", "file"): _KEY,
    ("policy diff", "now"): _KEY,
    ("policy diff", "against"): _KEY,
    ("policy register", "file"): _KEY,
    ("policy edit", "source"): _KEY,
    ("policy backtest", "one"): _KEY,
    ("policy backtest", "other"): _KEY,
    ("policy backtest", "out"): _KEY,
    ("workflow check", "file"): _KEY,
    ("workflow simulate", "file"): _KEY,
    ("workflow conform", "against"): _KEY,
    ("workflow register", "file"): _KEY,
}
"""By command and parameter, why the mark may be shown."""

ECHOES = {("/score_batch", 200): "its answer names the leads that it does not know"}
"""By path and status, why an answer may say what was sent."""


class Parameter(NamedTuple):
    name: str
    option: str
    required: bool


def commands() -> dict[str, list[Parameter]]:
    """Every command with its parameters that take a value."""
    return dict(_walk(typer.main.get_command(app), ()))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[Parameter]]]:
    for name, one in getattr(command, "commands", {}).items():
        yield from _walk(one, (*path, name))
    if path and not hasattr(command, "commands"):
        yield (
            " ".join(path),
            [
                Parameter(
                    p.name,
                    p.opts[0] if p.param_type_name == "option" else "",
                    p.required,
                )
                for p in command.params
                if not getattr(p, "is_flag", False)
            ],
        )


def words_of(
    command: str, parameters: list[Parameter], files: dict[str, Path], odd: str, value: str
) -> list[str]:
    """A call in which one parameter has the marked value, and the others what GIVEN says."""
    words, free = command.split(), []
    for p in parameters:
        if p.name != odd and not p.required:
            continue
        given = value if p.name == odd else GIVEN[p.name]
        given = str(files[given]) if given in FILES else given
        words += [p.option, given] if p.option else []
        free += [] if p.option else [given]
    return [*words, *free]


def files_in(folder: Path) -> Iterator[dict[str, Path]]:
    """Files of every kind that hold the mark, under names that do not."""
    (folder / "m.yaml").write_text(MAPPING)
    (folder / "bad.yaml").write_text(f"name: t\nsource: [{MARK}, {{a: {MARK}}}\n{MARK}: {MARK}\n")
    (folder / "odd.yaml").write_text(f"name: {MARK}@x\n{MARK}: 1\nsource: {{a: {MARK}}}\n")
    rows = "\n".join(",".join(row) for row in (HEADER, GOOD_CELLS, CELLS))
    (folder / "t.csv").write_text(rows)
    (folder / "t.jsonl").write_text(
        "\n".join(json.dumps({**GOOD, "id": c, "source": c, "type": c, "data": c}) for c in CELLS)
    )
    (folder / "t.json").write_text(json.dumps({MARK: {MARK: [MARK]}, "version": MARK}))
    (folder / "broken.json").write_text('{"' + MARK)
    (folder / "raw.bin").write_bytes(b"\0\xff" + MARK.encode())
    sub = folder / "sub"
    sub.mkdir()
    (sub / "a.v1.yaml").write_text((folder / "odd.yaml").read_text())
    for name in ("bad.yaml", "odd.yaml", "t.csv", "t.jsonl", "t.json", "broken.json", "raw.bin"):
        for mapping in ("m.yaml", "odd.yaml"):
            yield {
                "FILE": folder / name, "MAPPING": folder / mapping, "FOLDER": sub,
                "OUT": folder / "out.csv",
            }  # fmt: skip


def calls(command: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Calls of a command, each with one marked parameter: its name, and the words."""
    kinds, parameters = list(files_in(folder)), commands()[command]
    for p in parameters:
        if GIVEN.get(p.name) in FILES:
            for files in kinds[::2] if command not in SLOW else kinds[:1]:
                yield p.name, words_of(command, parameters, files, p.name, GIVEN[p.name])
        else:
            for value in PERSONAL:
                yield p.name, words_of(command, parameters, kinds[0], p.name, value)
    yield "", [*words_of(command, parameters, kinds[0], "", ""), "--no-such", *PERSONAL]


def test_every_command_is_given_what_it_needs() -> None:
    for command, parameters in commands().items():
        needed = {p.name for p in parameters if p.required}
        assert needed <= GIVEN.keys(), f"GIVEN lacks what {command} needs"
    known = {(command, p.name) for command, ps in commands().items() for p in ps}
    assert SHOWS.keys() <= known


@pytest.mark.parametrize("command", commands())
def test_no_command_says_what_it_was_given(command: str, tmp_path: Path) -> None:
    says_no_mark(command, tmp_path / "home", tmp_path / "files")


@pytest.fixture(scope="module")
def marked(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with versions and scores, of which one lead has marked identifiers."""
    folder = tmp_path_factory.mktemp("marked")
    home, file = folder / "home", folder / "m.jsonl"
    shutil.copytree(trained.settings.home, home)
    person = {"email": MARKED, "phone": NUMBER, "crm_id": MARK}
    file.write_text(json.dumps({**GOOD, "id": MARK, "identifiers": person, "data": {"page": MARK}}))
    assert leadscore(home, "ingest", str(file)).returncode == 0
    assert leadscore(home, "score", f"email:{MARKED}").returncode == 0
    return home


@pytest.mark.parametrize("command", [c for c in commands() if c not in LONG])
def test_no_command_says_whom_a_home_knows(command: str, marked: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(marked, home)
    says_no_mark(command, home, tmp_path / "files")


def says_no_mark(command: str, home: Path, folder: Path) -> None:
    folder.mkdir()
    for parameter, words in calls(command, folder):
        if (command, parameter) in SHOWS:
            continue
        answer = leadscore(home, *words)
        said = answer.stdout + answer.stderr
        assert not _marks(said), (words, said[-600:])
        assert "Traceback" not in said, words


def requests_to(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Requests to every operation of a description, with marked values wherever one may stand."""
    bodies = [
        *(json.dumps(one).encode() for one in (
            {MARKED: MARKED}, [MARKED], MARKED, {"lead_id": MARKED}, {"lead_ids": [MARKED, NUMBER]},
            {"identifiers": {"email": MARKED}}, {"identifiers": {MARKED: NUMBER}},
            {"identifiers": {"crm_id": "bug"}}, {"identifiers": {"crm_id": "down"}},
            {"events": [MARKED]}, {"events": [{"id": MARKED, "source": NUMBER, "type": MARKED}]},
            {"lead_id": MARKED, "changes": {MARKED: MARKED}},
        )),
        b'{"' + MARKED.encode(), b"\xff" + MARK.encode(),
    ]  # fmt: skip
    headers = {"user-agent": MARKED, "x-request-id": NUMBER, "baggage": f"who={MARKED}"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = operation.get("parameters", [])
            url = path
            for p in named:
                url = url.replace("{" + p["name"] + "}", MARKED)
            sent = {"method": method.upper(), "url": url, "headers": headers}
            yield sent
            for p in named:
                if p["in"] == "query":
                    yield {**sent, "params": {p["name"]: MARKED}}
                    yield {**sent, "params": {p["name"]: NUMBER}}
                if p["in"] == "header":
                    more = {**headers, p["name"]: MARKED, "content-type": "application/json"}
                    yield {**sent, "headers": more, "content": bodies[3]}
            yield {**sent, "params": {MARKED: NUMBER}}
            if "requestBody" in operation:
                for kind in ("application/json", "application/cloudevents+json", MARK):
                    for body in bodies:
                        yield {
                            **sent,
                            "headers": {**headers, "content-type": kind},
                            "content": body,
                        }
        yield {"method": "DELETE", "url": url, "headers": headers}


def test_no_endpoint_says_what_it_was_sent(tmp_path: Path) -> None:
    with collecting() as collector:
        settings = Settings(home=tmp_path, logs="json", traces=collector.url)
        server = start(settings, "127.0.0.1", 0, 1, "tests.serving.double:Double")
        codes: dict[str, set[int]] = {}
        try:
            server.wait_ready()
            with httpx.Client(base_url=server.url, timeout=30) as http:
                document = http.get("/docs.json").json()
                for request in requests_to(document):
                    answer = http.request(**request)
                    codes.setdefault(request["url"], set()).add(answer.status_code)
                    if (request["url"], answer.status_code) not in ECHOES:
                        assert not _marks(answer.text), (request, answer.text)
                    assert not _marks(str(answer.headers)), (request, answer.headers)
                page = http.get("/metrics").text
                last = http.post("/score", json={"identifiers": {"crm_id": "bug"}}).json()
            trace_id = last["instance"].rpartition(":")[2]
            collector.wait(lambda held: any(s.trace_id.hex() == trace_id for s in held))
        finally:
            server.stop()
    assert len(codes) == len(document["paths"])
    assert {400, 404, 405, 415, 422, 500, 503} <= set().union(*codes.values())
    spans = b"".join(collector.bodies).decode("utf-8", "replace")
    for place, text in {"log": server.log.read_text(), "metrics": page, "spans": spans}.items():
        assert not _marks(text), place


def _marks(text: str) -> list[str]:
    return [mark for mark in (MARK, NUMBER, "555 867") if mark.lower() in text.lower()]
