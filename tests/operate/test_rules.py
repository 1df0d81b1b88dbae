"""`operate.yaml`: what comes along is whole, a home's own stands instead, mistakes are told."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from config.settings import Settings
from domain.errors import BadInput
from jobs.operate.job_list import JOBS
from jobs.operate.rules import STANDARD_PLAN, load_rules, plan_of
from tests.operate.homes import QUICK, schedule


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_what_comes_along_names_every_job_and_its_plan_is_patient(settings: Settings) -> None:
    rules = load_rules(settings)
    assert list(rules.jobs.__struct_fields__) == list(JOBS) == list(rules.enabled)
    assert rules.retraining.then == "candidate", "no traffic moves unless somebody says so"
    assert plan_of(settings, rules).patience_days == 60
    assert all(set(job.after) < set(JOBS) for job in JOBS.values())


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_where_its_line_says(name: str) -> None:
    module, _, function = JOBS[name].function.partition(":")
    assert callable(getattr(import_module(module), function))


def test_a_home_says_what_is_done_and_what_is_not(settings: Settings) -> None:
    schedule(settings, backup=QUICK, report={**QUICK, "enabled": False})
    assert list(load_rules(settings).enabled) == ["backup"]


def test_a_home_has_its_own_plan(settings: Settings) -> None:
    told = {"then": "challenger", "plan": "careful.yaml"}
    schedule(settings, backup=QUICK, retraining_=told)
    with pytest.raises(BadInput, match=r"careful\.yaml: the file cannot be read"):
        load_rules(settings)
    (settings.home / "careful.yaml").write_text("steps: [{weight: 0.01}]\npatience_days: 5\n")
    assert plan_of(settings, load_rules(settings)).patience_days == 5
    (settings.home / STANDARD_PLAN.name).write_text("steps: [{weight: 0.02}]\n")
    schedule(settings, backup=QUICK, retraining_={"then": "challenger"})
    assert plan_of(settings, load_rules(settings)).steps[0].weight == 0.02


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "version: 1\njobs:\n  backups: {every_minutes: 5}\n",
            "line 3: Object contains unknown field `backups`",
        ),
        ("version: 1\njobs:\n  backup: {}\n", "line 3: a job needs one of every_minutes and cron"),
        (
            "version: 1\njobs:\n  backup: {every_minutes: 5, cron: '0 3 * * *'}\n",
            "line 3: a job needs one of every_minutes and cron",
        ),
        ("version: 1\njobs:\n  backup: {cron: '0 3 * * 7'}\n", "line 3: cron '0 3 * * 7': name"),
        ("version: 1\njobs: {}\nlease_second: 3\n", "line 3: Object contains unknown field"),
        ("version: 1\njobs: {}\nlease_seconds: 0\n", "line 3: Expected `float` >= 1"),
        ("version: 1\njobs: {}\nretraining: {then: champion}\n", "line 3: Invalid enum value"),
        ("jobs: {}\n", "missing required field `version`"),
    ],
)
def test_a_mistake_is_told_with_its_line(settings: Settings, text: str, said: str) -> None:
    (settings.home / "operate.yaml").write_text(text)
    with pytest.raises(BadInput) as refused:
        load_rules(settings)
    told = f"{refused.value.where}: {refused.value.what}"
    assert re.search(re.escape(said), told), told
    assert "operate.yaml" in told
    assert refused.value.rule == "operate-rules"
