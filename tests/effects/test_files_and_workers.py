"""Files hold each effect once whoever dies; several processes on PostgreSQL share the work."""

import json
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from config.settings import Settings
from jobs.effects.delivery import open_deliverer
from tests.commands import leadscore
from tests.conftest import ROOT
from tests.effects.homes import SECRET, asks, configure, desk_of, home_with, now_effect
from tests.effects.queues import effect
from tests.effects.receivers import Hooks, HubSpot, server
from wiring.signals import open_signals
from workflow.connectors.json_lines import JsonLinesConnector
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect


def keys(path: Path) -> list[str]:
    return [msgspec.json.decode(line, type=Effect).key for line in path.open("rb")]


def claimed(*names: str, in_doubt: bool = False) -> list[ClaimedEffect]:
    return [ClaimedEffect(n, "h", effect(name), in_doubt) for n, name in enumerate(names)]


def soon() -> float:
    return time.monotonic() + 60


def test_a_line_that_a_crash_tore_is_written_anew_and_none_twice(tmp_path: Path) -> None:
    lines = JsonLinesConnector(tmp_path, "lines")
    lines.deliver(claimed("a", "b"), soon())
    path = tmp_path / "lines-2026-03-01.jsonl"
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
    with path.open("ab") as stream:
        stream.write(msgspec.json.encode(effect("c"))[:20])  # amid a write, and a kill
    receipts = lines.deliver(claimed("b", "c", in_doubt=True), soon())
    assert [one.verdict for one in receipts] == ["delivered", "delivered"]
    assert keys(path) == ["a", "b", "c"]


def test_a_day_has_a_file_of_its_own(tmp_path: Path) -> None:
    lines = JsonLinesConnector(tmp_path, "lines")
    days = [effect(f"k{n}", created_us=n * 86_400_000_000) for n in range(3)]
    lines.deliver([ClaimedEffect(n, "h", one) for n, one in enumerate(days)], soon())
    names = sorted(path.name for path in tmp_path.glob("*.jsonl"))
    assert names == [f"lines-1970-01-0{n}.jsonl" for n in (1, 2, 3)]


def test_what_comes_too_late_for_its_lease_is_not_written(tmp_path: Path) -> None:
    (receipt,) = JsonLinesConnector(tmp_path, "lines").deliver(claimed("a"), 0.0)
    assert receipt.verdict == "released"
    assert list(tmp_path.glob("*.jsonl")) == []


def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "lines-2026-03-01.jsonl").mkdir()
    (receipt,) = JsonLinesConnector(tmp_path, "lines").deliver(claimed("a"), soon())
    assert (receipt.verdict, receipt.rule) == ("away", "file-written")
    assert str(tmp_path) not in receipt.cause


def test_writers_take_turns(tmp_path: Path) -> None:
    def write(worker: int) -> None:
        lines = JsonLinesConnector(tmp_path, "lines")
        for n in range(20):
            lines.deliver(claimed(f"{worker}-{n}"), soon())

    threads = [Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = keys(tmp_path / "lines-2026-03-01.jsonl")
    assert sorted(held) == sorted(f"{worker}-{n}" for worker in range(4) for n in range(20))


@pytest.mark.slow
def test_processes_on_postgresql_do_each_effect_once(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    hooks, leads, each = Hooks(), 10, 6
    with server(hooks.answer) as address:
        rule = {"kind": "webhook", "address": address, "secret_variable": "HOOK_SECRET"}
        home = home_with(tmp_path, {"hook": rule, "lines": {"kind": "file"}})
        settings = msgspec.structs.replace(home, workflow_url=postgres_url)
        effects = [
            now_effect(f"{name}-{lead}-{n}", connector=name, lead_id=f"lead_{lead}")
            for n in range(each)
            for lead in range(leads)
            for name in ("hook", "lines")
        ]
        asks(settings, *effects).dispose()
        command = [sys.executable, "-m", "leadscore", "effects", "deliver", "--json"]
        environment = {**settings.environment(), "HOOK_SECRET": SECRET, "PATH": "/usr/bin"}
        workers = [
            subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(3)
        ]
        outputs = [worker.communicate(timeout=300) for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0, 0], outputs
    wanted = {one.key for one in effects if one.connector == "hook"}
    assert set(hooks.seen) == wanted
    assert set(hooks.seen.values()) == {1}, "nobody died: not one came twice"
    (path,) = (settings.home / "effects").glob("*.jsonl")
    assert len(keys(path)) == len(set(keys(path))) == leads * each
    told = [one for out, _ in outputs for one in json.loads(out)]
    assert sum(one["delivered"] for one in told) == len(effects)
    assert sum(one["lost"] for one in told) == 0
    assert desk_of(settings).counts() == {
        ("hook", "delivered"): leads * each,
        ("lines", "delivered"): leads * each,
    }


@pytest.mark.slow
def test_the_record_is_found_by_the_leads_own_identifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "t0ken")
    portal = HubSpot({"0031": {}})
    with server(portal.answer) as address:
        rule = {
            "kind": "hubspot",
            "address": address,
            "token_variable": "HUBSPOT_TOKEN",
            "record": {"identifier": "crm_id"},
            "fields": {"grade": "lead_grade"},
        }
        settings = Settings(home=tmp_path / "home")
        events = [
            {
                "id": f"{n}",
                "source": "crm",
                "type": "web.page_viewed",
                "time": f"2026-03-0{n}T12:00:00Z",
                "identifiers": identifiers,
                "data": {"page": "pricing"},
            }
            for n, identifiers in enumerate(
                (
                    {"crm_id": "0031", "email": "someone@company.com"},
                    {"email": "someone@company.com"},
                ),
                1,
            )
        ]
        file = tmp_path / "events.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in events))
        assert leadscore(settings.home, "ingest", str(file)).returncode == 0
        lead = open_signals(settings).directory.find({"email": "someone@company.com"})
        configure(settings, {"crm": rule})
        fields = {"grade": "A"}
        asks(settings, now_effect("k", connector="crm", lead_id=lead.lead_id, fields=fields))
        asks(settings, now_effect("x", connector="crm", lead_id="lead_none", fields=fields))
        (delivery,) = open_deliverer(settings).deliver(60.0)
    assert (delivery.delivered, delivery.dead) == (1, 1)
    assert portal.contacts["0031"] == {"lead_grade": "A"}
    (row,) = desk_of(settings).rows(10, state="dead")
    assert (row.key, row.rule) == ("x", "record-known")
