"""The extras of pyproject.toml, and what commands look for before they begin."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config.extras import MODULES, missing_extra, require
from domain.errors import Missing
from leadscore.terminal.failures import explained
from tests.fewer_libraries import EXTRAS, PROJECT, distributions_of


def names(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_each_extra_is_looked_for_and_all_are_in_one() -> None:
    declared = PROJECT["optional-dependencies"]
    assert set(declared) == {*EXTRAS, "all", "dev"}
    assert set(MODULES) == set(EXTRAS)
    (everything,) = map(Requirement, declared["all"])
    assert everything.extras == set(EXTRAS)
    assert "leadscore[all]" in declared["dev"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_what_is_looked_for(extra: str) -> None:
    providers = packages_distributions()
    found = {canonicalize_name(d) for m in MODULES[extra] for d in providers[m]}
    assert names(PROJECT["optional-dependencies"][extra]) <= found
    assert found <= distributions_of(extra)


def test_base_holds_none_of_the_large_ones() -> None:
    base = distributions_of()
    assert not base & {"bentoml", "catboost", "evidently", "faststream", "mlflow", "optuna"}
    assert {"bentoml", "catboost"} <= distributions_of("serve")
    assert not distributions_of("serve", "bus") & {"evidently", "mlflow", "optuna"}
    assert not distributions_of("train") & {"bentoml", "evidently"}


def test_what_is_missing_is_named_with_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    require(*EXTRAS)
    gone = {"optuna", "bentoml"}
    seen = "config.extras.find_spec"
    monkeypatch.setattr(seen, lambda name: None if name in gone else find_spec(name))
    require("bus", "monitor")
    with pytest.raises(Missing) as raised:
        require("serve", "train", "monitor")
    assert raised.value.exit_code == 3
    assert str(raised.value) == (
        "this needs libraries that are not installed: bentoml, optuna [extra-installed] "
        'Run: pip install "leadscore[serve,train]"'
    )


def test_a_module_that_no_extra_brings_is_a_fault_of_the_program() -> None:
    missing = explained(ModuleNotFoundError("No module named 'mlflow.x'", name="mlflow.x"))
    assert missing is not None
    assert missing.todo == 'Run: pip install "leadscore[train]"'
    assert explained(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert missing_extra(None) is None
