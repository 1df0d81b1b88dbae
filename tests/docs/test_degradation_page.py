"""The page on degradation: each of its rows names tests that there are."""

import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "degradation.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("|")][2:]
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_what_a_row_says_is_done_by_tests(row: str) -> None:
    named = re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1])
    assert named
    assert set(named) <= TESTS


def test_its_settings_are_settings() -> None:
    from config.settings import Settings

    named = set(re.findall(r"`((?:features|audit)_\w+)`", PAGE))
    assert named - {"features_as_of"} <= set(Settings.__struct_encode_fields__)
    assert len(named) >= 6
