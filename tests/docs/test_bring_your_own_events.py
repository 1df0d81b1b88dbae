"""The page for people who bring their own events does what it says, literally."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.pages import filled


def test_the_page_comes_out_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "bring-your-own-events.md").read_text()
    assert filled(page, tmp_path, monkeypatch) == page
