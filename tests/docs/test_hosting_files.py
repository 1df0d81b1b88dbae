"""Workflows, forms and hooks of the repository's host are what their schemas say."""

import subprocess
import sys

import pytest
import yaml

from tests.conftest import ROOT

SCHEMAS = {
    ".github/workflows/ci.yml": "vendor.github-workflows",
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
    ".github/ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    ".github/ISSUE_TEMPLATE/feature.yml": "vendor.github-issue-forms",
}


def test_every_file_of_the_host_has_a_schema() -> None:
    found = {p.relative_to(ROOT).as_posix() for p in (ROOT / ".github").rglob("*.yml")}
    assert found == SCHEMAS.keys()


@pytest.mark.parametrize(("file", "schema"), SCHEMAS.items())
def test_a_file_is_what_its_schema_says(file: str, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_hooks_run_what_lint_runs() -> None:
    """Each line of `make lint` is a hook, but for the folder that it names."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["entry"].replace(".venv/bin/", "").split(" --force")[0] for hook in hooks}
    chores = (ROOT / "Makefile").read_text()
    recipes = [
        chores.partition(f"\n{word}: setup\n")[2].partition("\n\n")[0].split("\n")
        for word in ("lint", "types", "arrows")
    ]
    asked = {
        line.strip().removeprefix("$(BIN)/").removesuffix(" .")
        for lines in recipes
        for line in lines
        if "$(BIN)" in line
    }
    assert entries == asked
