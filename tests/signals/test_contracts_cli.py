"""The contracts commands: what they print, and what they answer to a pipeline."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from domain.errors import BadInput, LeadscoreError, Missing, Refused
from leadscore.cli import app
from signals.contracts.contract_file import read_contract, write_contract
from signals.contracts.registry import PACKAGED

PAGE = "web.page_viewed.v1.yaml"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEADSCORE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "contracts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGED, tmp_path / "contracts"))


def run(*words: object) -> None:
    app(["contracts", *map(str, words)], standalone_mode=False)


def narrow(path: Path) -> None:
    path.write_text(path.read_text().replace("maximum: 86400", "maximum: 60"))


def test_packaged_contracts_are_sound(capsys: pytest.CaptureFixture[str]) -> None:
    run("check")
    assert capsys.readouterr().err == "files: 16, findings: 0\n"


def test_an_own_file_is_listed_shown_and_checked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    won = read_contract(PACKAGED / "crm.deal_won.v1.yaml")
    write_contract(msgspec.structs.replace(won, name="own.thing", owner=""), home)
    run("list", "--json")
    listed = msgspec.json.decode(capsys.readouterr().out)
    assert [c["owner"] for c in listed if c["name"] == "own.thing"] == [""]
    run("show", "own.thing")
    assert "confidential" in capsys.readouterr().out
    with pytest.raises(Refused) as no:
        run("check")
    assert no.value.exit_code == 1
    out = capsys.readouterr().out
    assert out.startswith("own.thing.v1.yaml: nobody answers for it [owner] Name the team")
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["show", "web.page_view"], Missing, "Did you mean web.page_viewed?"),
        (["show", "web.page_viewed", "--version", "7"], Missing, "There is 1."),
        (["check", "nowhere"], Missing, "no such folder"),
        (["check", "--against", "main"], BadInput, "Name it"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], error: type[LeadscoreError], said: str) -> None:
    with pytest.raises(error) as bad:
        run(*words)
    assert said in str(bad.value)


def test_a_breaking_change_is_refused_against_a_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("check", folder, "--against", PACKAGED)
    narrow(folder / PAGE)
    (folder / "crm.deal_won.v1.yaml").unlink()
    capsys.readouterr()
    with pytest.raises(Refused, match="bounds-narrowed 1, version-vanished 1"):
        run("check", folder, "--against", PACKAGED, "--json")
    held = msgspec.json.decode(capsys.readouterr().out)
    assert held["files"] == 15
    assert [(f["file"], f["field"], f["rule"]) for f in held["findings"]] == [
        ("crm.deal_won.v1.yaml", "", "version-vanished"),
        (PAGE, "duration_s", "bounds-narrowed"),
    ]


def test_a_breaking_change_is_refused_against_a_git_revision(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match="neither a folder nor a git revision"):
        run("check", folder, "--against", "HEAD")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "as it was"]):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
    run("check", folder, "--against", "HEAD")
    narrow(folder / PAGE)
    capsys.readouterr()
    with pytest.raises(Refused):
        run("check", folder, "--against", "HEAD")
    assert f"{PAGE}, duration_s: the greatest value was 86400" in capsys.readouterr().out
    for bad in ("nope", "-h"):
        with pytest.raises(BadInput, match="neither"):
            run("check", folder, "--against", bad)


def test_the_program_answers_with_the_exit_code(folder: Path) -> None:
    (folder / PAGE).write_text("{")
    done = subprocess.run(
        [sys.executable, "-m", "leadscore", "contracts", "check", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGED.parents[1],
    )
    assert done.returncode == 1
    assert done.stdout.startswith(f"{PAGE}, line 2: not an event contract: it is not YAML")
    assert "Traceback" not in done.stderr
