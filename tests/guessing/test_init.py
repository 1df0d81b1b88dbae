"""The command: what it asks, refuses, writes and shows."""

from pathlib import Path

import pytest
import yaml

from config.settings import Settings
from domain.signals import decode
from jobs.models.training_settings import training_config
from signals.mapping.mapping import load_mapping
from tests.commands import leadscore

ROWS = [
    ("id", "created", "source", "status", "reason"),
    *(
        (f"k{i}", f"{1 + i % 12:02}/{1 + i % 11:02}/2025", "fair" if i % 3 else "web",
         "Won" if i % 4 == 0 else "Lost", "" if i % 4 == 0 else "price")
        for i in range(60)
    ),
]  # fmt: skip


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_text("".join(",".join(row) + "\n" for row in ROWS))
    return path


def init(leads: Path, *words: str, stdin: str = "") -> tuple[int, str, str]:
    done = leadscore(
        leads.parent / "home", "init", str(leads), "--out", str(leads.parent / "out"), *words,
        stdin=stdin,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_dates_that_may_be_either_are_never_guessed(leads: Path) -> None:
    code, _, err = init(leads, "--yes", "--time-zone", "UTC")
    assert (code, "init-question" in err, "--date-order" in err) == (2, True, True)
    assert not (leads.parent / "out").exists()
    for order, month in (("dmy", 3), ("mdy", 2)):
        code, out, _ = init(leads, "--yes", "--date-order", order, "--force")
        assert code == 0
        assert "its first rows as events" in out
        mapping = load_mapping(leads.parent / "out" / "mapping.yaml")
        times = {decode(row.document).identifiers["crm_id"]: decode(row.document).time
                 for row in mapping.documents(leads) if b"created" in row.document}  # fmt: skip
        assert times["k13"].month == month  # 02/03/2025


def test_what_is_asked_is_answered_at_the_terminal(leads: Path) -> None:
    code, _, err = init(leads, stdin="dmy\nEurope/Rome\n")
    assert code == 0, err
    mapping = (leads.parent / "out" / "mapping.yaml").read_text()
    assert "%d/%m/%Y" in mapping
    assert 'time_zone: "Europe/Rome"' in mapping


def test_nobody_at_the_terminal_is_told_the_option(leads: Path) -> None:
    code, _, err = init(leads)
    assert code == 2
    assert "Give --date-order with one of dmy, mdy." in err


def test_an_answer_that_is_no_choice_is_refused(leads: Path) -> None:
    code, _, err = init(leads, "--yes", "--date-order", "ymd")
    assert (code, "init-answer" in err) == (2, True)


def test_nothing_is_written_over(leads: Path) -> None:
    words = ("--yes", "--date-order", "dmy")
    assert init(leads, *words)[0] == 0
    mapping = leads.parent / "out" / "mapping.yaml"
    mapping.write_text("mine")
    code, _, err = init(leads, *words)
    assert (code, "init-exists" in err, mapping.read_text()) == (2, True, "mine")
    assert init(leads, *words, "--force")[0] == 0
    assert mapping.read_text() != "mine"


def test_the_reason_of_a_loss_is_left_out_with_why(leads: Path) -> None:
    _, out, _ = init(leads, "--yes", "--date-order", "dmy")
    assert "left out, too late  reason" in out
    text = (leads.parent / "out" / "mapping.yaml").read_text()
    file = yaml.safe_load(text)
    assert "#   reason: " in text
    assert "reason" not in file["tables"][0]["events"][0]["data"]
    assert "leads.csv: of 60 rows 60 become events" in out
    assert out.rstrip().splitlines()[-2].startswith("  leadscore ingest ")


def test_the_training_file_is_one(leads: Path) -> None:
    init(leads, "--yes", "--date-order", "dmy")
    home = Settings(home=leads.parent / "home")
    config = training_config(home, leads.parent / "out" / "training.yaml")
    assert (config.outcome, config.seed) == ("won", 7)


@pytest.mark.parametrize(
    ("text", "words", "rule"),
    [
        ("", (), "empty-file"),
        ("id,won\n", (), "init-empty"),
        ("a <ann@x.example>,won\nb,0\n", (), "init-header"),
        ("id,colour\n1,red\n2,blue\n", (), "init-question"),
        ("id,won\n1,1\n2,0\n", ("--outcome", "nothing"), "init-column"),
        ("id,status\n1,great\n2,poor\n", ("--outcome", "status"), "init-outcome"),
        ("id;n;won\n1;1.234;1\n2;2.345;0\n3;3.456;1\n", (), "init-question"),
        ("id,at,won\n1,2025-01-02,1\n2,2025-01-03,0\n", ("--time-zone", "Mars"), "time-zone"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, text: str, words: tuple[str, ...], rule: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    code, _, err = init(path, "--yes", *words)
    assert code == 2
    assert f"[{rule}]" in err


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    absent = tmp_path / "absent.csv"
    assert init(absent, "--yes")[0] == 3
    picture = tmp_path / "leads.csv"
    picture.write_bytes(b"%PDF-1.7 and so on")
    code, _, err = init(picture, "--yes")
    assert (code, "file-kind" in err) == (2, True)
    packed = tmp_path / "leads2.csv"
    packed.write_bytes(b"\x1f\x8b\x08 broken")
    assert init(packed, "--yes")[0] == 2


def test_files_hang_together_by_their_key(tmp_path: Path) -> None:
    came, won = tmp_path / "came.csv", tmp_path / "won.csv"
    lines = [f"lead{i:03},2025-{1 + i % 6:02}-{1 + i % 28:02},{'fair' if i % 2 else 'web'}\n"
             for i in range(90)]  # fmt: skip
    came.write_text("mql_id,first_contact,origin\n" + "".join(lines))
    rows = [
        f"lead{i:03},seller{i},2025-07-{1 + i % 28:02}T10:00:00Z,big\n" for i in range(0, 90, 3)
    ]
    won.write_text("mql_id,seller_id,won_date,segment\n" + "".join(rows))
    out = tmp_path / "out"
    done = leadscore(tmp_path / "h", "init", str(won), str(came), "--yes", "--out", str(out))
    assert done.returncode == 0, done.stderr
    mapping = load_mapping(out / "mapping.yaml")
    first, second = mapping.file.tables
    assert {first.files, second.files} == {("came*",), ("won*",)}
    assert dict(first.events[0].data) == {"origin": "origin"}
    assert dict(second.events[0].data) == {}
    assert second.events[0].time == "won_date"


@pytest.mark.parametrize(
    "column", ["action_id", "actionid", "ActionID", "Effect Key", "utm_action", "decision_id"]
)
def test_the_id_of_an_action_of_ours_is_proposed(tmp_path: Path, column: str) -> None:
    """A signal that answers an action carries its id; the others have none."""
    path = tmp_path / "events.csv"
    lines = [f"lead_id,event,time,{column}"]
    for lead in range(30):
        lines += [
            f"l{lead},visit,2025-01-{1 + lead % 28:02}T08:00:00Z,",
            f"l{lead},opened,2025-02-{1 + lead % 28:02}T08:00:00Z,wf-{lead:032x}",
            *([f"l{lead},purchase,2025-03-01T08:00:00Z,"] if lead % 3 == 0 else []),
        ]
    path.write_text("\n".join(lines) + "\n")
    code, _, err = init(path, "--yes")
    assert code == 0, err
    written = tmp_path / "out" / "mapping.yaml"
    (table,) = yaml.safe_load(written.read_text())["tables"]
    assert (table["action_id"], table["identifiers"]) == (column, {"crm_id": "lead_id"})
    marked = [decode(row.document).actionid for row in load_mapping(written).documents(path)]
    assert marked[:2] == [None, f"wf-{0:032x}"]


def test_what_is_no_id_of_ours_is_data(leads: Path) -> None:
    path = leads.parent / "words.csv"
    header, *rows = leads.read_text().splitlines()
    words = [f"{row},please call {n % 3}" for n, row in enumerate(rows)]
    path.write_text("\n".join([f"{header},action_id", *words]) + "\n")
    assert init(path, "--yes", "--date-order", "dmy")[0] == 0
    (table,) = yaml.safe_load((leads.parent / "out" / "mapping.yaml").read_text())["tables"]
    assert "action_id" not in table
