"""Fixtures that benchmarks borrow from the rooms' own tests."""

from tests.decisions.conftest import (  # noqa: F401
    database,
    make_engine,
    make_record,
    policies,
    standard,
    trail,
)
