"""Files that are none: one line with a rule and what to do, and nothing is left behind."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import leadscore

JUNK = random.Random(1).randbytes(20_000)
WIDE = {f"c{n}": 1 for n in range(10_000)}
FILES: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "empty-file"),
    "header.csv": (b"id,won\n", "init-empty"),
    "junk.csv": (JUNK, "binary-file"),
    "junk.parquet": (b"PAR1" + JUNK + b"PAR1", "not-parquet"),
    "junk.xlsx": (b"PK\x03\x04" + JUNK, "workbook-damaged"),
    "junk.json": (b'[{"a":' + JUNK[:500], "json-cut"),
    "nested.json": (b'[{"a":' * 100_000, "json-depth"),
    "wide.jsonl": (json.dumps(WIDE).encode() + b"\n", "init-unread"),
    "cut.json": (b'[{"id": 1, "won": true}, {"id": 2,', "json-cut"),
    "cut.csv.gz": (gzip.compress(b"id,won\n" + JUNK.hex().encode())[:2_000], "gzip-damaged"),
    "line.csv": (b"id,won\n" + b"x" * (17 << 20), "line-length"),
}
Refused = Callable[[Path], str]


@pytest.fixture(params=["init", "try"])
def refused(tmp_path: Path, request: pytest.FixtureRequest) -> Refused:
    """What a command says of a file; it must be one line, and leave nothing."""
    out = tmp_path / "out"
    words = ["--out"] if request.param == "init" else ["--no-open", "--home"]

    def run(file: Path) -> str:
        done = leadscore(
            tmp_path / "home", str(request.param), str(file), "--yes", *words, str(out)
        )
        assert done.returncode in (2, 3), done.stdout
        lines = [line for line in done.stderr.splitlines() if line.startswith("leadscore: ")]
        assert len(lines) == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert not lines[0].endswith("]"), "it does not say what to do"
        assert not out.exists()
        assert not (tmp_path / "home").exists()
        return lines[0]

    return run


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, refused: Refused, name: str) -> None:
    content, rule = FILES[name]
    (tmp_path / name).write_bytes(content)
    answer = refused(tmp_path / name)
    assert f"{name}" in answer
    assert f"[{rule}]" in answer


def test_what_is_no_file_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert "[file-exists] Check its name" in refused(tmp_path / "absent.csv")
    assert "[file-exists] Name the files in it" in refused(tmp_path / "folder.csv")


def test_ten_thousand_columns_are_looked_at_in_part(tmp_path: Path) -> None:
    head = ["id", "created", "won", *list(WIDE)[3:]]
    rows = [[str(n), f"2025-01-{1 + n % 28:02}", "yes" if n % 3 else "no"] for n in range(9)]
    lines = [head, *([*row, *["1"] * (len(head) - 3)] for row in rows)]
    (tmp_path / "t.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    out = tmp_path / "out"
    done = leadscore(tmp_path, "init", str(tmp_path / "t.csv"), "--yes", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "of 9 rows 9 become events" in done.stdout
    assert len(done.stdout) < 10_000
    assert "more columns than are looked at" in (out / "mapping.yaml").read_text()


def test_headers_that_stand_twice_are_left_out(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'yes' if n % 3 else 'no'},{n % 5},{n % 4}\n" for n in range(40))
    (tmp_path / "t.csv").write_text("id,won,x,x\n" + rows)
    out = tmp_path / "out"
    done = leadscore(tmp_path, "init", str(tmp_path / "t.csv"), "--yes", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "x: its name stands twice" in (out / "mapping.yaml").read_text().replace('"', "")


def test_one_row_is_too_few_to_learn_from(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,created,won\n1,2025-01-02,yes\n")
    home = tmp_path / "out"
    words = ("try", str(tmp_path / "t.csv"), "--yes", "--no-open", "--home", str(home))
    first, again = leadscore(tmp_path, *words), leadscore(tmp_path, *words)
    for done in (first, again):
        assert done.returncode == 3
        assert done.stderr.splitlines()[-1].startswith("leadscore: ")
        assert "[cutoffs-left]" in done.stderr
