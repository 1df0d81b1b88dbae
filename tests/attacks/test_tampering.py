"""A home's stores are altered by somebody who can write them: `audit verify` names where.

Everything is done with the right hashes where there are hashes: only what was written down outside
can tell.
"""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from config.settings import Settings, load_settings
from domain.decisions import PolicyQuestion, RequestKey
from domain.errors import BadConfiguration
from domain.verification import Verified
from domain.versions.manifest import Stage
from jobs.decisions.verify_home import verify_home
from registry.cache import STAGES_FILE, read_cached_stages, version_folder
from storage.hash_chain import GENESIS, link
from tests.commands import leadscore
from tests.conftest import Trained
from tests.forging import forge_ledger, unguarded
from tests.resilience.conftest import lead_ids
from wiring.integrity.anchors import IDENTITY, open_anchors
from wiring.integrity.checkpoints import checkpoint, deliver
from wiring.live_folders import cache_of
from wiring.registry import open_registry
from wiring.scoring import open_scoring

Attack = Callable[[Settings], None]
DECISIONS = 12
ANCHORS = "anchors.jsonl"


@pytest.fixture(scope="module")
def decided(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with decisions, some of them by requests that may be sent again: sound, and anchored.

    Its anchors lie beside it.
    """
    home = tmp_path_factory.mktemp("decided") / "home"
    shutil.copytree(trained.settings.home, home)
    scoring = open_scoring(msgspec.structs.replace(trained.settings, home=home))
    leads = lead_ids(scoring, DECISIONS // 2)
    scoring.answerer.score(leads)
    asked = [
        PolicyQuestion(lead_id=lead, request=RequestKey(key=f"key-{at}", asked=lead))
        for at, lead in enumerate(leads)
    ]
    scoring.answerer.finish(scoring.answerer.begin(asked))
    settings = msgspec.structs.replace(trained.settings, home=home)
    assert faults(settings) == []
    shutil.copy(open_anchors(settings).path, home.parent / ANCHORS)
    return home


@pytest.fixture
def anchored(decided: Path, trained: Trained, tmp_path: Path) -> Settings:
    """A copy of that home, with its anchors."""
    home = tmp_path / "home"
    shutil.copytree(decided, home)
    settings = msgspec.structs.replace(trained.settings, home=home)
    with_anchors(settings, decided)
    return settings


def with_anchors(settings: Settings, decided: Path) -> None:
    """Put the anchors of the decided home where those of another home of its identity are."""
    path = open_anchors(settings).path
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(decided.parent / ANCHORS, path)
    assert open_anchors(settings).kept().lines


def faults(settings: Settings) -> list[Verified]:
    return verify_home(settings).faults


def named(settings: Settings) -> str:
    """The stores that do not fit, with the entry, each found by what the command does."""
    return "; ".join(f"{f.store} {f.broken or ''} {f.fault}" for f in faults(settings))


# -- the decision trail ----------------------------------------------------------------------


def trail(settings: Settings) -> Path:
    return settings.home / "audit.db"


def chained(connection: sqlite3.Connection, since: int) -> None:
    """Compute the trail's chain anew."""
    rows = connection.execute("SELECT sequence, body FROM audit ORDER BY sequence").fetchall()
    digest = GENESIS
    for row in rows:
        following = link(digest, row["body"])
        if row["sequence"] >= since:
            connection.execute(
                "UPDATE audit SET previous = ?, hash = ? WHERE sequence = ?",
                (digest, following, row["sequence"]),
            )
        digest = following


def cut_trail(settings: Settings) -> None:
    with unguarded(trail(settings)) as connection:
        connection.execute("DELETE FROM audit WHERE sequence > 8")
        connection.execute("DELETE FROM audit_ranking WHERE sequence > 8")
        connection.execute(
            "DELETE FROM audit_requests WHERE decision_id NOT IN (SELECT decision_id FROM audit)"
        )
        connection.execute(
            "INSERT OR IGNORE INTO audit_ranking SELECT lead_id, max(sequence), decided_us, score,"
            " grade, queue, eligible FROM audit GROUP BY lead_id"
        )


def empty_trail(settings: Settings) -> None:
    with unguarded(trail(settings)) as connection:
        for table in ("audit", "audit_ranking", "audit_requests"):
            connection.execute(f"DELETE FROM {table}")


def no_trail(settings: Settings) -> None:
    for path in settings.home.glob("audit.db*"):
        path.unlink()


def rewrite_trail(settings: Settings) -> None:
    """Give a decision another grade, everywhere, with hashes that fit to the end."""
    with unguarded(trail(settings)) as connection:
        row = connection.execute("SELECT body FROM audit WHERE sequence = 9").fetchone()
        held = json.loads(row["body"])
        held["answer"]["grade"] = "A" if held["answer"]["grade"] != "A" else "D"
        grade = held["answer"]["grade"]
        body = json.dumps(held, separators=(",", ":")).encode()
        connection.execute("UPDATE audit SET body = ?, grade = ? WHERE sequence = 9", (body, grade))
        connection.execute("UPDATE audit_ranking SET grade = ? WHERE sequence = 9", (grade,))
        chained(connection, 9)


def edit(store: str, statement: str) -> Attack:
    def act(settings: Settings) -> None:
        with unguarded(settings.home / store) as connection:
            connection.execute(statement)

    return act


# -- the log ---------------------------------------------------------------------------------


def drop_event(settings: Settings, at: str) -> None:
    """Remove an event, closing the gap that it leaves, with indexes and totals that fit."""
    with unguarded(settings.home / "signals.db") as connection:
        number = connection.execute(f"SELECT {at} FROM events").fetchone()[0]
        for table in ("events", "event_keys", "event_keys_lately", "event_homes"):
            connection.execute(f"DELETE FROM {table} WHERE sequence = ?", (number,))
            # by way of negative numbers: a table's numbers are never twice the same
            connection.execute(
                f"UPDATE {table} SET sequence = 1 - sequence WHERE sequence > ?", (number,)
            )
            connection.execute(f"UPDATE {table} SET sequence = -sequence WHERE sequence < 0")
        connection.execute(
            "UPDATE totals SET value = value - 1 WHERE name IN ('accepted', 'received')"
        )


def no_log(settings: Settings) -> None:
    for path in settings.home.glob("signals.db*"):
        path.unlink()


def alter_event(settings: Settings) -> None:
    """Another value in an event's data: nothing beside the body repeats it."""
    with unguarded(settings.home / "signals.db") as connection:
        rows = connection.execute("SELECT sequence, body FROM events ORDER BY sequence")
        sequence, body = next(row for row in rows if b'"pricing"' in row[1])
        connection.execute(
            "UPDATE events SET body = ? WHERE sequence = ?",
            (body.replace(b'"pricing"', b'"careers"'), sequence),
        )


# -- what serves -----------------------------------------------------------------------------


def swap_file(settings: Settings) -> None:
    cache = cache_of(settings)
    challenger = read_cached_stages(cache).challenger
    assert challenger is not None
    (version_folder(cache, challenger.label) / "card.md").write_text("nothing\n")


def link_file(settings: Settings) -> None:
    cache = cache_of(settings)
    challenger = read_cached_stages(cache).challenger
    assert challenger is not None
    path = version_folder(cache, challenger.label) / "card.md"
    path.rename(settings.home / "card.md")
    path.symlink_to(settings.home / "card.md")


def edit_stages(settings: Settings) -> None:
    path = cache_of(settings) / STAGES_FILE
    held = json.loads(path.read_text())
    held["champion"], held["challenger"], held["rollout"] = held["challenger"], None, None
    path.write_text(json.dumps(held))


def cut_ledger(settings: Settings) -> None:
    forge_ledger(settings, lambda row: row if int(str(row["sequence"])) < 5 else None)


def empty_ledger(settings: Settings) -> None:
    forge_ledger(settings, lambda _: None)


def rewrite_ledger(settings: Settings) -> None:
    forge_ledger(settings, lambda row: {**row, "reason": "all gates passed", "overruled": False})


def forget_anchor(settings: Settings) -> None:
    path = open_anchors(settings).path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))


ATTACKS: dict[str, tuple[Attack, str]] = {
    "the trail's end cut off": (cut_trail, "trail 9 .*cut off"),
    "the trail emptied": (empty_trail, "trail 1 .*cut off"),
    "the trail's file removed": (no_trail, "trail 1 .*cut off"),
    "the trail rewritten": (rewrite_trail, "trail 12 .*anchor"),
    "a decision removed": (edit("audit.db", "DELETE FROM audit WHERE sequence = 3"), "trail 3 "),
    "a decision's body": (
        edit("audit.db", "UPDATE audit SET body = CAST('{}' AS BLOB) WHERE sequence = 4"),
        "trail 4 ",
    ),
    "a decision's column": (
        edit("audit.db", "UPDATE audit SET queue = 'mine' WHERE sequence = 5"),
        "trail 5 ",
    ),
    "the ranking's score": (
        edit("audit.db", "UPDATE audit_ranking SET score = 1 WHERE sequence = 10"),
        "ranking 10 ",
    ),
    "the ranking's eligibility": (
        edit("audit.db", "UPDATE audit_ranking SET eligible = NOT eligible WHERE sequence = 10"),
        "ranking 10 ",
    ),
    "the ranking's decision": (
        edit(
            "audit.db",
            "UPDATE audit_ranking SET (sequence, decided_us, score, grade, queue, eligible) = "
            "(SELECT sequence, decided_us, score, grade, queue, eligible FROM audit"
            " WHERE sequence = 2)"
            " WHERE lead_id = (SELECT lead_id FROM audit WHERE sequence = 2)",
        ),
        "ranking 8 ",
    ),
    "a lead taken from the ranking": (
        edit("audit.db", "DELETE FROM audit_ranking WHERE sequence = 11"),
        "ranking ",
    ),
    "a lead put into the ranking": (
        edit(
            "audit.db",
            "INSERT INTO audit_ranking SELECT 'lead_x', sequence, decided_us, score, grade, queue,"
            " eligible FROM audit WHERE sequence = 7",
        ),
        "ranking 7 ",
    ),
    "a request's key": (
        edit("audit.db", "UPDATE audit_requests SET request_key = 'mine' WHERE rowid = 2"),
        "requests ",
    ),
    "a request's decision": (
        edit(
            "audit.db",
            "UPDATE audit_requests SET decision_id ="
            " (SELECT decision_id FROM audit WHERE sequence = 1) WHERE rowid = 3",
        ),
        "requests 9 ",
    ),
    "a request removed": (
        edit("audit.db", "DELETE FROM audit_requests WHERE rowid = 1"),
        "requests 7 ",
    ),
    "a request put in": (
        edit("audit.db", "INSERT INTO audit_requests VALUES ('planted', 'planted')"),
        "requests ",
    ),
    "the ledger's end cut off": (cut_ledger, "ledger 5 .*cut off"),
    "the ledger emptied": (empty_ledger, "ledger 1 .*cut off"),
    "the ledger rewritten": (rewrite_ledger, "ledger 5 .*anchor"),
    "a row of the ledger": (
        edit("ledger.db", "UPDATE promotion_ledger SET made_by = 'you' WHERE sequence = 3"),
        "ledger 3 ",
    ),
    "a row of the ledger removed": (
        edit("ledger.db", "DELETE FROM promotion_ledger WHERE sequence = 2"),
        "ledger 2 ",
    ),
    "stages edited": (edit_stages, "stages of models .*ledger"),
    "stages removed": (lambda s: (cache_of(s) / STAGES_FILE).unlink(), "stages of models .*gone"),
    "a version's file": (swap_file, "stages of models .*changed after"),
    "a link in a version": (link_file, "stages of models .*link"),
    "the log's first event removed": (lambda s: drop_event(s, "min(sequence)"), "log "),
    "the log's last event removed": (lambda s: drop_event(s, "max(sequence)"), "log .*cut off"),
    "an event removed with a gap": (
        edit("signals.db", "DELETE FROM events WHERE sequence = 40"),
        "log 40 ",
    ),
    "an event's data": (alter_event, "log .*anchor"),
    "an event's lead": (
        edit(
            "signals.db",
            "UPDATE events SET identifier_keys = (SELECT identifier_keys FROM events WHERE"
            " sequence = 1) WHERE sequence = 50",
        ),
        "log 50 ",
    ),
    "an event's time": (
        edit("signals.db", "UPDATE events SET known_us = known_us + 1 WHERE sequence = 60"),
        "log 60 ",
    ),
    "an event's index": (
        edit(
            "signals.db",
            "DELETE FROM event_keys_lately WHERE sequence = 70",
        ),
        "log .*taken in twice",
    ),
    "the log emptied": (edit("signals.db", "DELETE FROM events"), "log 1 .*cut off"),
    "the log's file removed": (
        no_log,
        "log 1 .*cut off",
    ),
    "the totals": (
        edit("signals.db", "UPDATE totals SET value = value + 1 WHERE name = 'duplicates'"),
        "quarantine .*totals",
    ),
    "a line of the anchors": (forget_anchor, "anchors 1 "),
}


@pytest.mark.parametrize(("attack", "found"), ATTACKS.values(), ids=ATTACKS)
def test_what_was_altered_is_named(anchored: Settings, attack: Attack, found: str) -> None:
    attack(anchored)
    before = open_anchors(anchored).path.read_bytes()
    told = named(anchored)
    assert re.search(found, told), told
    assert open_anchors(anchored).path.read_bytes().count(b'"verified"') == before.count(
        b'"verified"'
    ), "what does not fit is not anchored"


def test_the_command_names_the_first_place_and_ends_with_1(anchored: Settings) -> None:
    sound = leadscore(anchored.home, "audit", "verify")
    assert sound.returncode == 0, sound.stderr
    assert sound.stdout.count("sound") == 14
    cut_trail(anchored)
    broken = leadscore(anchored.home, "audit", "verify", "--json")
    assert broken.returncode == 1
    assert "trail: it ends with entry 8, entry 12 was anchored" in broken.stderr
    stores = json.loads(broken.stdout)["stores"]
    assert next(s for s in stores if s["store"] == "trail")["broken"] == 9


def test_what_is_anchored_again_after_an_attack_does_not_hide_it(anchored: Settings) -> None:
    rewrite_trail(anchored)
    assert checkpoint(anchored, "asked")
    assert "trail" in named(anchored)


def test_a_restored_backup_is_told_of_and_begins_anew(anchored: Settings) -> None:
    cut_trail(anchored)
    assert faults(anchored)
    assert checkpoint(anchored, "asked", "restored from the backup of May")
    found = verify_home(anchored)
    assert not found.faults
    assert any("backup of May" in note for note in found.notes)


def test_each_step_of_a_promotion_is_anchored(anchored: Settings) -> None:
    before = open_anchors(anchored).kept().lines
    stages = read_cached_stages(cache_of(anchored))
    assert stages.challenger is not None
    open_registry(anchored).transition(
        stages.challenger.label, Stage.CANDIDATE, by="tests", reason="tests"
    )
    kept = open_anchors(anchored).kept()
    assert kept.lines > before
    assert kept.newest("ledger").sequence == len(open_registry(anchored).ledger.entries())
    assert faults(anchored) == []


def test_the_trail_is_anchored_as_it_grows(
    anchored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decisions.audit.trail.EVERY", 5)
    scoring = open_scoring(anchored, live=True)
    scoring.answerer.score(lead_ids(scoring, 4))
    assert open_anchors(anchored).kept().newest("trail").sequence == DECISIONS + 4
    cut_trail(anchored)
    assert "trail 9" in named(anchored)


def test_anchors_kept_elsewhere_tell_what_the_homes_own_do_not(
    anchored: Settings, tmp_path: Path
) -> None:
    elsewhere = Path(shutil.copy(open_anchors(anchored).path, tmp_path / "kept.jsonl"))
    cut_trail(anchored)
    open_anchors(anchored).path.unlink()
    (anchored.home / IDENTITY).rename(tmp_path / IDENTITY)
    assert verify_home(anchored).faults == [], "whoever has home and anchors leaves no trace"
    assert "another home" in "; ".join(f.fault for f in verify_home(anchored, elsewhere).faults)
    (tmp_path / IDENTITY).replace(anchored.home / IDENTITY)
    assert "cut off" in "; ".join(f.fault for f in verify_home(anchored, elsewhere).faults)


def test_a_home_made_anew_in_the_same_place_is_sound(anchored: Settings, decided: Path) -> None:
    shutil.rmtree(anchored.home)
    shutil.copytree(decided, anchored.home)
    (anchored.home / IDENTITY).unlink(missing_ok=True)
    found = verify_home(anchored)
    assert not found.faults
    assert any("another home" in note for note in found.notes)
    strict = msgspec.structs.replace(anchored, anchors=str(anchored.anchors_file))
    (anchored.home / IDENTITY).unlink()
    assert "another home" in named(strict)


class Webhook:
    """Keeps what is posted to it, once it is let."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.answer = 503
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.answer == 200:
                    hook.lines.append(body)
                self.send_response(hook.answer)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/anchors"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    thread = Thread(target=hook.server.serve_forever)
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()


def test_a_webhook_gets_every_anchor_once_when_it_answers_again(
    anchored: Settings, webhook: Webhook, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(anchored, anchors=webhook.url)
    assert faults(settings) == []
    assert webhook.lines == []
    webhook.answer = 200
    assert deliver(settings) > 0
    assert deliver(settings) == 0
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"".join(webhook.lines))
    assert kept.read_bytes() == settings.anchors_file.read_bytes()
    empty_trail(settings)
    assert "cut off" in "; ".join(f.fault for f in verify_home(settings, kept).faults)


def test_anchors_that_cannot_be_written_stop_nothing(
    anchored: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (anchored.home / "file").touch()
    nowhere = msgspec.structs.replace(anchored, anchors=str(anchored.home / "file" / "a.jsonl"))
    assert not checkpoint(nowhere, "asked")
    assert "no anchor could be written" in caplog.text


def test_anchors_of_many_processes_are_one_chain(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    threads = [
        Thread(target=lambda: [open_anchors(settings).write("asked", {}) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = open_anchors(settings).kept()
    assert (kept.lines, kept.broken) == (40, None)


def test_a_home_cannot_say_where_it_is_anchored(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("anchors: elsewhere.jsonl\n")
    with pytest.raises(BadConfiguration, match="LEADSCORE_ANCHORS"):
        load_settings({"LEADSCORE_HOME": str(tmp_path)})


def test_the_triggers_of_a_database_are_no_protection(anchored: Settings) -> None:
    with (
        closing(sqlite3.connect(trail(anchored))) as connection,
        pytest.raises(sqlite3.DatabaseError),
    ):
        connection.execute("DELETE FROM audit")
