"""The figures of `docs/figures.md`: this product beside plain CatBoost, on four data sets.

Run `make figures`. It takes the files where `LEADSCORE_DATA` names them, trains as each example's
`training.yaml` says, and writes the page anew.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from config.home_definition import definition_of
from config.settings import Settings, quiet_libraries
from domain.identifiers import IdentifierKey, identifier_key
from domain.measurement import Interval
from domain.versions.manifest import MODEL_FILE
from jobs.models.train import prepared
from jobs.signals.ingest_files import ingest_files
from signals.events import event_log
from signals.identity.resolver import home
from signals.store.tables import identifiers
from simulation.scenarios import scenario
from simulation.simulator import simulate
from simulation.writer import write
from tests.benchmarks.figures import raw
from tests.conftest import ROOT, SilentProgress, data_folder
from tests.examples.conftest import FILES
from training.config import TrainingConfig, read_config
from training.data.cutoffs import Cutoff, choose
from training.data.dataset import Dataset, build, columns
from training.data.split import split_by_time
from training.evaluation.baselines import Scores
from training.evaluation.evaluate import evaluate
from training.evaluation.results import Evaluation, Rival
from training.model import fit
from training.run import Provenance, Studies, TrainingRun
from wiring.scratch_home import scratch_home
from wiring.signals import open_signals

PAGE = ROOT / "docs" / "figures.md"
LEADS, SEED = 8_000, 5
KEYS = {"olist": "mql_id", "bpi2012": "case_id", "x_education": "Prospect ID"}
SHUFFLED = "x_education, shuffled"
RAW: dict[str, raw.Raw] = {
    "olist": raw.olist,
    "bpi2012": raw.bpi2012,
    "x_education": raw.x_education,
    SHUFFLED: raw.x_education,
    "simulated": raw.simulated,
}


@dataclass(frozen=True)
class Source:
    """A data set that was taken in: its home, how to train on it, and its raw side.

    `names` are raw ids by lead id, empty where the raw side knows lead ids; `files` are for `RAW`.
    """

    name: str
    settings: Settings
    config: TrainingConfig
    names: dict[str, str]
    files: list[Path]


def shuffled(folder: Path) -> Source:
    """X Education with its lead numbers, which stand in for time, dealt out anew."""
    whole = data_folder() / "x_education" / "Leads.csv"
    table = pd.read_csv(whole, dtype=str, keep_default_na=False)
    table["Lead Number"] = table["Lead Number"].sample(frac=1, random_state=SEED).to_numpy()
    folder.mkdir()
    table.to_csv(folder / whole.name, index=False)
    made = real("x_education", folder / "home", [folder / whole.name])
    return replace(made, name=SHUFFLED)


def real(name: str, folder: Path, files: list[Path] | None = None) -> Source:
    """One of the real data sets; `files` in the place of its own."""
    files = files or [data_folder() / name / file for file in FILES[name]]
    example, settings = ROOT / "examples" / name, Settings(home=folder, clock="watermark")
    ingest_files(settings, [str(f) for f in files], example / "mapping.yaml", lambda _: None)
    table = pd.read_csv(files[0], dtype=str, usecols=[KEYS[name]])
    key_of = {identifier_key("crm_id", one): one for one in table[KEYS[name]].unique()}
    leads = dict(partition(open_signals(settings).engine))
    names = {lead: key_of[key] for key, lead in leads.items() if key in key_of}
    return Source(name, settings, read_config(example / "training.yaml"), names, files)


def simulated(folder: Path) -> Source:
    """Simulated journeys, and the log's events with the leads that they are of."""
    written = write(simulate(LEADS, SEED, scenario("steady")), folder / "signals.jsonl")
    settings = Settings(home=folder / "home", clock="watermark")
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    engine = open_signals(settings).engine
    with engine.connect() as connection:
        c = identifiers.c
        alone = set(connection.execute(select(c["key"]).where(c.rule != "")).scalars())
    leads: dict[IdentifierKey, str] = dict(partition(engine))
    rows = [
        (
            leads[IdentifierKey(home(event.known.keys, alone))],
            event.signal.type,
            event.time_us,
            event.known_us,
            event.signal.data,
        )
        for part in event_log.read(engine)
        for event in part
    ]
    journal = pd.DataFrame(rows, columns=["lead", "type", "at", "known", "data"])
    for name in ("at", "known"):
        journal[name] = pd.to_datetime(journal[name], unit="us", utc=True)
    journal.to_pickle(folder / "journal.pickle")
    return Source("simulated", settings, TrainingConfig(), {}, [folder / "journal.pickle"])


def partition(engine: Engine) -> Iterator[tuple[IdentifierKey, str]]:
    """(identifier's key, lead) pairs of a home."""
    c = identifiers.c
    with engine.connect() as connection:
        for key, lead in connection.execute(select(c["key"], c.lead_id)):
            yield IdentifierKey(key), lead


def measured(source: Source, folder: Path) -> tuple[Evaluation, int]:
    """The version on its test, beside plain CatBoost; and how many rows they learnt from."""
    with scratch_home(source.settings, definition_of(source.settings), "figures") as scratch:
        run = prepared(scratch, source.config, SilentProgress())
        manifest = run.execute(folder, Studies(folder), Provenance("", ""), SilentProgress())
        cutoffs, data = rows_of(run)
    split, config = source.config.split, source.config
    parts = split_by_time(data.moments, split.test_share, config.embargo_days, data.groups)
    test = data.take(parts.later, parts.later_weights)
    model = CatBoostClassifier()
    model.load_model(str(folder / MODEL_FILE))
    margins = fit.margins(model, columns(test, manifest.features))
    plain = plainly(
        table_of(source, [cutoffs[i] for i in parts.earlier]),
        data.labels[parts.earlier],
        table_of(source, [cutoffs[i] for i in parts.later]),
    )
    found = evaluate(
        test,
        manifest.calibrator.apply(margins),
        [Scores("plain", plain, "CatBoost as it comes, on raw columns")],
        seed=source.config.seed,
    )
    return found, len(parts.earlier)


def rows_of(run: TrainingRun) -> tuple[list[Cutoff], Dataset]:
    """A run's cutoffs, and the data set that it made of them."""
    closing = frozenset(o.name for o in run.definition.outcomes if o.closes)
    chosen = choose(run.journeys, run.config, closing).cutoffs
    return chosen, build(run.definition, chosen, run.history, run.config.exclude)


def table_of(source: Source, cutoffs: Sequence[Cutoff]) -> pd.DataFrame:
    """The raw columns of some cutoffs, row for row."""
    ids = [source.names.get(c.final_id, c.final_id) for c in cutoffs]
    moments = pd.to_datetime([c.moment_us for c in cutoffs], unit="us", utc=True)
    return RAW[source.name](source.files, ids, moments)


def plainly(
    train: pd.DataFrame, labels: NDArray[np.int64], test: pd.DataFrame
) -> NDArray[np.float64]:
    """Probabilities of CatBoost with its own defaults, trained on raw columns."""
    test = test.reindex(columns=train.columns)
    words = [name for name in train.columns if not pd.api.types.is_numeric_dtype(train[name])]
    for table in (train, test):
        table[words] = table[words].astype(object).fillna("").astype(str)
    model = CatBoostClassifier(
        random_seed=SEED, verbose=False, allow_writing_files=False, thread_count=2
    )
    model.fit(train, labels, cat_features=words)
    return np.asarray(model.predict_proba(test)[:, 1], dtype=np.float64)


NOTE = """
X Education has no dates: time is the lead number. Of its last three tenths 45%, 41% and 33%
convert, so that what was learnt before the last fifth tells too much of it, whichever model tells.
Shuffled, the numbers are dealt out anew by a fixed seed: as if their order said nothing.
"""

HEAD = """# Figures

What `make figures` measured on {date}: a version of each data set, trained as its example says,
on the last part of time, beside CatBoost as it comes (its own defaults, 1,000 trees) on the raw
columns of the same rows with the same split: by time, with an embargo, no company on both sides.
Bounds are 95%, bootstrapped by account; differences are paired. What the raw columns are is in
`tests/benchmarks/figures/raw.py`. The journeys are of 8,000 simulated leads. The calibration error
is the root of the mean squared difference between what is told and what comes, in bins, less what
chance alone would make of it (ADR 11).

| data | rows: learnt, judged | AUROC | plain CatBoost | difference | calibration error | plain | \
told, came |
|---|---:|---:|---:|---:|---:|---:|---:|
"""


def line(source: Source, found: Evaluation, learnt: int) -> str:
    """A data set's line of the table."""
    rival: Rival = found.rivals[0]
    told_rate = sum(band.share * band.predicted for band in found.reliability)
    came = sum(band.share * band.observed.value for band in found.reliability)
    cells = [
        source.name,
        f"{learnt:,}, {found.rows:,}",
        told(found.metrics["auroc"]),
        told(rival.metrics["auroc"]),
        told(rival.over["auroc"], "+.4f"),
        told(found.metrics["calibration_error"]),
        told(rival.metrics["calibration_error"]),
        f"{told_rate:.1%}, {came:.1%}",
    ]
    return f"| {' | '.join(cells)} |\n"


def told(held: Interval, shape: str = ".3f") -> str:
    return f"{held.value:{shape}} ({held.low:{shape}} to {held.high:{shape}})"


def made_of(name: str, folder: Path) -> Source:
    """The data set of that name."""
    own = {"simulated": simulated, SHUFFLED: shuffled}
    return own[name](folder) if name in own else real(name, folder)


def main() -> None:
    quiet_libraries()
    wanted = sys.argv[1:] or list(RAW)
    lines = []
    for name in wanted:
        with tempfile.TemporaryDirectory() as held:
            folder = Path(held)
            source = made_of(name, folder / "in")
            found, learnt = measured(source, folder / "version")
            lines.append(line(source, found, learnt))
            print(lines[-1], end="", flush=True)  # noqa: T201
    if wanted == list(RAW):
        PAGE.write_text(
            HEAD.format(date=datetime.now(UTC).date().isoformat()) + "".join(lines) + NOTE
        )


if __name__ == "__main__":
    main()
