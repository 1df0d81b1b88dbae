"""The long proofs: those marked `soak` run by `make soak`, the short ones in every run."""

import os

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("soak") and os.environ.get("LEADSCORE_SOAK") != "1":
        pytest.skip("a long proof: `make soak` runs it")
