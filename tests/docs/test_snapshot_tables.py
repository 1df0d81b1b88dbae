"""The page for people who have one table and no history does what it says, literally."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.pages import filled


@pytest.mark.slow
def test_the_page_comes_out_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "snapshot-tables.md").read_text()
    assert filled(page, tmp_path, monkeypatch) == page
