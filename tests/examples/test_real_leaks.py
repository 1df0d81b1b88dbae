"""The leakage guard on real data: with the columns that the examples leave out.

That it names nothing without them is told by the examples' training runs, in `test_real_data`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from config.settings import Settings
from domain.errors import Refused
from jobs.models.train import train
from jobs.signals.ingest_files import ingest_files
from jobs.signals.replay_log import replay_history
from tests.conftest import ROOT, SilentProgress, data_folder
from tests.examples.conftest import FILES, Home
from training.config import After, read_config
from training.data.cutoffs import choose
from training.data.data_warnings import notice
from training.data.dataset import build
from training.data.leakage import Suspect, screen
from wiring.features import open_features
from wiring.signals import open_signals

X_EDUCATION = {
    "tags": "Tags",
    "lead_quality": "Lead Quality",
    "lead_profile": "Lead Profile",
    "activity_index": "Asymmetrique Activity Index",
    "profile_index": "Asymmetrique Profile Index",
    "last_activity": "Last Activity",
    "last_notable_activity": "Last Notable Activity",
    "prospect": "Prospect ID",
}
"""Those that the mapping of the example says it leaves out, and the table's key."""


def suspects(settings: Settings, example: str, **changes: Any) -> tuple[list[Suspect], set[str]]:
    """What the guard names of a data set, and the rules of the traps that were noticed."""
    import msgspec

    config = msgspec.structs.replace(
        read_config(ROOT / "examples" / example / "training.yaml"), **changes
    )
    plane = open_signals(settings)
    anchors = config.cutoffs.types if isinstance(config.cutoffs, After) else ()
    journeys = replay_history(settings, plane, anchors)
    closing = frozenset(o.name for o in plane.definition.outcomes if o.closes)
    chosen = choose(journeys, config, closing)
    history = open_features(settings, plane.definition).history
    data = build(plane.definition, chosen.cutoffs, history)
    eventual = np.array([c.eventual for c in chosen.cutoffs])
    rules = {trap.rule for trap in notice(chosen.cutoffs, journeys, config)}
    return screen(data, eventual), rules


def ingested(folder: Path, mapping: dict[str, Any], files: Iterable[Path]) -> Settings:
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump(mapping))
    settings = Settings(home=folder / "home", clock="watermark", policy="generic")
    ingest_files(settings, [str(file) for file in files], path, lambda _: None)
    return settings


def example(name: str) -> dict[str, Any]:
    held: dict[str, Any] = yaml.safe_load((ROOT / "examples" / name / "mapping.yaml").read_text())
    return held


def files(name: str) -> list[Path]:
    found = [data_folder() / name / file for file in FILES[name]]
    if not all(file.is_file() for file in found):
        pytest.skip(f"the data set {name} is absent")
    return found


@pytest.mark.soak
def test_x_education_with_all_columns(tmp_path: Path) -> None:
    table, mapping = files("x_education"), example("x_education")
    mapping["tables"][0]["events"][0]["data"] |= X_EDUCATION
    settings = ingested(tmp_path, mapping, table)
    found, _ = suspects(settings, "x_education")
    rules = {suspect.feature: suspect.rule for suspect in found}
    assert rules == {"tags": "too-good", "lead_quality": "settled", "prospect": "identifier"}
    config = read_config(ROOT / "examples" / "x_education" / "training.yaml")
    with pytest.raises(Refused) as caught:
        train(settings, config, SilentProgress(), "tests")
    assert caught.value.rule == "leakage"
    assert all(name in str(caught.value) for name in rules)


@pytest.mark.slow
def test_olist_with_the_deals_columns_written_into_the_leads(tmp_path: Path) -> None:
    """As who joins the two files to one table would: each deal's columns beside its lead."""
    leads, deals = files("olist")
    table, won = pd.read_csv(leads, dtype=str), pd.read_csv(deals, dtype=str)
    columns = [name for name in won.columns if name not in ("mql_id", "won_date")]
    joined = tmp_path / "olist_marketing_qualified_leads_dataset.csv"
    table.merge(won.drop(columns="won_date"), on="mql_id", how="left").to_csv(joined, index=False)
    mapping = example("olist")
    mapping["tables"][0]["events"][0]["data"] |= {name: name for name in columns}
    settings = ingested(tmp_path, mapping, [joined, deals])
    found, _ = suspects(settings, "olist")
    named = {suspect.feature for suspect in found}
    # too few of 2018's winners have these for any statement
    assert set(columns) - named <= {
        "has_company",
        "has_gtin",
        "average_stock",
        "declared_product_catalog_size",
    }
    assert {suspect.rule for suspect in found} == {"presence"}
    assert not named & {"origin", "landing_page_id"}


@pytest.mark.soak
def test_olist_as_it_is_begins_before_its_outcomes(olist: Home) -> None:
    found, rules = suspects(olist.settings, "olist", begin=None)
    assert not found
    assert rules == {"outcomes-begin-late"}


@pytest.mark.slow
def test_the_wholesalers_first_month_is_noticed(online_retail: Home) -> None:
    found, rules = suspects(online_retail.settings, "online_retail")
    assert not found
    assert rules == {"leads-begin-early"}
