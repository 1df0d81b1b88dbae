"""The documentation site builds strictly, needs no network, and leaves nothing out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ADR = ROOT / "docs" / "adr"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir"]
    done = subprocess.run(
        [*command, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_and_every_package_is_there(site: Path) -> None:
    pages = {p.relative_to(ROOT / "docs").with_suffix(".html") for p in ROOT.glob("docs/**/*.md")}
    packages = {Path("api") / f"{path.parent.name}.html" for path in ROOT.glob("*/__init__.py")}
    packages.discard(Path("api/tests.html"))
    for page in (pages | packages) - {Path("adr/template.html")}:
        name = "index.html" if page.name == "README.html" else page.name
        assert (site / page.with_name(name)).is_file(), page


def test_the_site_needs_no_network(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"(https?:|//)|<link[^>]+href=\"(https?:|//)"
    )
    for page in site.rglob("*.html"):
        assert not loaded.search(page.read_text()), page.name


def test_decisions_are_numbered_without_gaps_and_indexed() -> None:
    records = sorted(ADR.glob("0*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    index = (ADR / "README.md").read_text()
    for number, path in enumerate(records, 1):
        head, _, title = path.read_text().splitlines()[0].partition(". ")
        assert head == f"# {number}", path.name
        assert f"| {number} | [{title}]({path.name}) |" in index, path.name
