"""Files through the command line: exit codes, homes of any name, and no cell in any message."""

import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import make_url

from config.settings import Settings, sqlite_url
from jobs.decisions.score_files import check_out, write_tables
from registry.tracking import Tracking
from tests.commands import leadscore
from tests.conftest import ROOT

GOOD = {
    "id": "1",
    "source": "web",
    "type": "web.page_viewed",
    "time": "2026-03-01T12:00:00Z",
    "identifiers": {"crm_id": "1"},
    "data": {"page": "pricing"},
}
ODD = """a%2Fb %41 #c?d=e&f;g 'h' "i" ü :j $HOME {k} @l"""


def test_where_nothing_is_accepted_the_code_says_so(tmp_path: Path) -> None:
    bad = json.dumps({**GOOD, "id": "2", "type": "no.such_type"})
    (tmp_path / "bad.jsonl").write_text(f"{bad}\n")
    (tmp_path / "partly.json").write_text(json.dumps([GOOD, json.loads(bad)]))
    (tmp_path / "none.jsonl").write_text("")
    codes: dict[str, list[int]] = {}
    for name in ("bad", "bad", "partly", "partly", "none"):
        (file,) = tmp_path.glob(f"{name}.json*")
        answer = leadscore(tmp_path / "home", "ingest", str(file))
        codes.setdefault(name, []).append(answer.returncode)
        assert ("nothing-accepted" in answer.stderr) == (name == "bad")
    assert codes == {"bad": [1, 1], "partly": [0, 0], "none": [0]}
    for raw in (json.dumps([GOOD]), json.dumps(GOOD, indent=1)):
        assert leadscore(tmp_path / "h", "ingest", "-", stdin=raw).returncode == 0


def test_a_replay_that_lets_nothing_out_exits_1(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "bad.jsonl"
    file.write_text(json.dumps({**GOOD, "type": "own.thing"}))
    (tmp_path / "good.jsonl").write_text(json.dumps({**GOOD, "id": "2"}))
    assert leadscore(home, "ingest", str(tmp_path / "good.jsonl")).returncode == 0
    assert leadscore(home, "quarantine", "replay").returncode == 0  # nothing is there
    assert leadscore(home, "ingest", str(file)).returncode == 1
    for words in ([], ["--json"]):
        answer = leadscore(home, "quarantine", "replay", *words)
        assert answer.returncode == 1
        assert "nothing left quarantine: all 1 documents stay [nothing-accepted]" in answer.stderr
    assert json.loads(answer.stdout)["quarantined"] == 1
    (tmp_path / "worse.jsonl").write_text("no JSON")
    assert leadscore(home, "ingest", str(tmp_path / "worse.jsonl")).returncode == 1
    contract = (ROOT / "signals/contracts/web.page_viewed.v1.yaml").read_text()
    own = home / "contracts" / "own.thing.v1.yaml"
    own.parent.mkdir(exist_ok=True)
    own.write_text(contract.replace("web.page_viewed", "own.thing"))
    assert leadscore(home, "quarantine", "replay").returncode == 0  # one of two got through
    assert leadscore(home, "quarantine", "replay").returncode == 1


def test_a_home_of_any_name_keeps_everything_inside(tmp_path: Path) -> None:
    home = tmp_path / ODD
    home.mkdir()
    (tmp_path / "e.jsonl").write_text(json.dumps(GOOD))
    assert leadscore(home, "ingest", str(tmp_path / "e.jsonl")).returncode == 0
    assert leadscore(home, "features", "show", "crm_id:1").returncode == 0
    settings = Settings(home=home)
    Tracking(settings.tracking_uri, (home / "artifacts").as_uri())
    assert {path.name for path in tmp_path.iterdir()} == {ODD, "e.jsonl"}  # no folder beside it
    assert {"signals.db", "mlflow.db"} <= {path.name for path in home.iterdir()}


@pytest.mark.parametrize("name", [*ODD.split(), "a\\b", "%", "x%zz", "日本"])
def test_the_address_of_a_database_is_its_path(name: str) -> None:
    for path in (Path("/some") / name / "x.db", Path(name) / "x.db"):
        parsed = make_url(sqlite_url(path))
        assert (parsed.database, dict(parsed.query)) == (str(path), {})


@pytest.mark.parametrize("name", ["leads.txt", "leads", "leads.csv.gz", "leads.xlsx"])
def test_scores_are_not_written_under_another_name(tmp_path: Path, name: str) -> None:
    answer = leadscore(tmp_path / "home", "score", "--all", "--out", str(tmp_path / name))
    assert answer.returncode == 2
    assert "Name it .parquet, .csv, .jsonl." in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_of_scores_is_what_its_name_says(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", 'b"'], "n": [1.5, None], "ok": [True, False], "l": [["x"], []]})
    for ending in ("parquet", "csv", "jsonl"):
        check_out(tmp_path / f"t.{ending}")
        write_tables([table, table[:1]], table.schema, tmp_path / f"t.{ending}")
    assert parquet.read_table(tmp_path / "t.parquet").num_rows == 3
    text = (tmp_path / "t.csv").read_text()
    assert text == 'id,n,ok,l\na,1.5,true,"[""x""]"\n"b""",,false,[]\na,1.5,true,"[""x""]"\n'
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == {"id": 'b"', "n": None, "ok": False, "l": []}


MARK = "zqmarker"
MAPPING = """
name: t
source: t
time_zone: UTC
tables:
  - identifiers: {email: mail, crm_id: id}
    time: at
    events: [{type: t.seen, data: {n: {column: n, kind: integer}, note: note}}]
"""
HEADER = ["mail", "id", "at", "n", "note"]
CELLS = [f"{MARK}@{MARK}.example", f"{MARK}1", f"{MARK}2", f"{MARK}3", f"{MARK}4"]
GOOD_CELLS = [f"{MARK}@{MARK}.example", f"{MARK}1", "2026-01-01T00:00Z", "1", MARK]


def _csv(path: Path, rows: list[list[str]]) -> None:
    path.write_text("\n".join(",".join(row) for row in rows))


def _odd_csv(path: Path, rows: list[list[str]]) -> None:
    path.write_text(
        "\n".join(";".join([*row, f'"{MARK}"x', MARK]) for row in rows) + f'\n"{MARK}\n'
    )


def _xlsx(path: Path, rows: list[list[str]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def _parquet(path: Path, rows: list[list[str]]) -> None:
    columns = [pa.array([row[k] for row in rows[1:]]) for k in range(len(HEADER))]
    parquet.write_table(pa.table(columns, names=rows[0]), path)


def _jsonl(path: Path, rows: list[list[str]]) -> None:
    path.write_text("\n".join(json.dumps({**GOOD, "id": row[0], "data": row}) for row in rows))


@pytest.mark.parametrize(
    ("name", "write"),
    [("t.csv", _csv), ("o.csv", _odd_csv), ("t.xlsx", _xlsx), ("t.parquet", _parquet),
     ("t.jsonl", _jsonl)],
)  # fmt: skip
@pytest.mark.parametrize(
    "rows",
    [[CELLS, CELLS], [HEADER, CELLS], [HEADER, GOOD_CELLS, CELLS, GOOD_CELLS[::-1]]],
    ids=["no header", "all bad", "some good"],
)
def test_no_cell_stands_in_what_is_said(
    tmp_path: Path,
    name: str,
    write: Callable[[Path, list[list[str]]], None],
    rows: list[list[str]],
) -> None:
    write(tmp_path / name, rows)
    (tmp_path / "m.yaml").write_text(MAPPING)
    mapping = [] if name.endswith("jsonl") else ["--mapping", str(tmp_path / "m.yaml")]
    home = tmp_path / "home"
    for words in (
        ["ingest", str(tmp_path / name), *mapping],
        ["ingest", str(tmp_path / name), *mapping, "--json"],
        ["ingest", str(tmp_path / name)],
        ["quarantine", "list"],
        ["quarantine", "list", "--json"],
        ["quarantine", "replay"],
        ["quarantine", "verify"],
        ["quality", "show"],
        ["score", f"email:{CELLS[0]}"],
    ):
        answer = leadscore(home, *words)
        said = (answer.stdout + answer.stderr).lower()
        assert MARK not in said, words
        assert "traceback" not in said
