"""The page on configuration: its files and keys are the code's, and none is without a meaning."""

import re

from jobs.config_schemas import CONFIG_FILES
from tests.docs.configuration_page import PAGE, all_structs, filled, sections

TEXT = PAGE.read_text()


def test_every_key_stands_on_the_page_with_its_type_default_and_meaning() -> None:
    assert sections(TEXT) == [struct.__name__ for struct in all_structs()]
    assert filled(TEXT) == TEXT, "run python -m tests.docs.configuration_page"
    assert "TO DO" not in TEXT
    assert not re.search(r"\| +\|\n", TEXT), "a key without a meaning"


def test_every_file_has_its_section() -> None:
    assert re.findall(r"^## (\S+\.yaml)$", TEXT, re.MULTILINE) == [c.file for c in CONFIG_FILES]
