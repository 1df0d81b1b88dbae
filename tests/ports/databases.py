"""The databases that every store's contract is tested on."""

import pytest

both_databases = pytest.mark.parametrize("engines", ["sqlite", "postgresql"], indirect=True)
