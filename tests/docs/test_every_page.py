"""Every shell block of every page runs, in order, in a home that was trained, or says why not."""

import json
from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from domain.versions.manifest import Stage
from registry.rollout import abort
from tests.conftest import ROOT
from tests.docs.pages import left_out, performed
from wiring.registry import open_registry

PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
OF_THEIR_OWN = {"docs/bring-your-own-events.md", "docs/http.md", "docs/snapshot-tables.md"}
"""Pages with tests that compare what comes out, too."""
REASONS = {
    "needs a bus",
    "needs a cluster",
    "needs a running service",
    "needs root",
    "takes minutes",
    "needs packages of its own",
    "names files of your own",
    "names records of your own",
}
GATES = """
version: 1
challenger:
  - {rule: at_least, name: some_positives, count: test_positives, limit: 1}
champion:
  - {rule: at_least, name: some_positives, count: test_positives, limit: 1}
policy:
  challenger:
    - {rule: at_most, name: golden_rows_hold, count: golden_broken, limit: 0}
  champion:
    - {rule: at_most, name: decides_like_champion, count: golden_changed, limit: 0,
       may_be_stated: true}
"""


@pytest.fixture
def reader(own_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a reader whose home has both versions, and gates that ask for little."""
    (own_home.home / "gates.yaml").write_text(GATES)
    registry = open_registry(own_home)
    abort(registry, by="tests", reason="tests")
    monkeypatch.setenv("LEADSCORE_HOME", str(own_home.home))
    folder = tmp_path / "reader"
    folder.mkdir()
    policy = json.loads((ROOT / "decisions" / "policies" / "standard.json").read_text())
    (folder / "my-policy.json").write_text(json.dumps(policy | {"name": "routing"}))
    return folder


@pytest.mark.parametrize("name", [page for page in PAGES if page not in OF_THEIR_OWN])
def test_a_page_runs(name: str, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / name).read_text()
    if "leadscore promote 2 --stage challenger" in page:
        registry = open_registry(load_settings())
        registry.transition("lead-2", Stage.CANDIDATE, by="tests", reason="the page promotes it")
    assert performed(page, reader, monkeypatch) + len(left_out(page)) == page.count("```sh\n")


@pytest.mark.parametrize("name", PAGES)
def test_what_is_left_out_says_why(name: str) -> None:
    assert set(left_out((ROOT / name).read_text())) <= REASONS
