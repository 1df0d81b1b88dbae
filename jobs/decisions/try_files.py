"""From exports to ranked leads in one go, in a home of its own."""

import csv
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from config.settings import Settings, write_home_settings
from domain.errors import BadInput, UnknownLead
from domain.identifiers import IdentifierKind
from domain.ports import LeadDirectory
from domain.signals import decode
from domain.versions.manifest import ModelVersion, Stage
from jobs.models.promote import candidate, promote
from jobs.models.train import train
from jobs.models.training_settings import training_config
from registry.transitions import GateRefusal
from signals.mapping.mapping import Mapping
from storage.yaml_files import read_text
from training.config import TrainingConfig
from training.data.leakage import LeakRefusal
from training.run import TrainingObserver
from wiring.signals import open_signals

MARK = "try"
RANKED, SCORES = "ranked.csv", "scores.parquet"
MOST_ROUNDS = 5
"""Trainings that the leakage guard may refuse before it is given up."""

MOST_NAMED = 200_000
"""Leads whose own key is looked up for the ranking."""

HEADER = ("rank", "lead", "score", "grade", "percentile", "won_already", "reasons", "lead_id")


@dataclass(frozen=True)
class RankedRow:
    """A lead of the ranking; `lead` is the key that the export knows it by."""

    rank: int
    lead: str
    score: float
    grade: str
    percentile: float
    won: bool
    reasons: str
    lead_id: str


def fresh_home(home: Path) -> Settings:
    """An empty home for a try, in which the newest moment of the log is the present.

    Nothing of the environment counts in it: databases of another home must not be written to.
    Raises BadInput where the folder holds what no try has left there.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        if not (home / MARK).is_dir():
            raise BadInput(
                "the folder holds data that no earlier `leadscore try` has left",
                rule="try-home",
                where=str(home),
                todo="Give --home DIR with another folder.",
            )
        _empty(home)
    (home / MARK).mkdir(parents=True, exist_ok=True)
    write_home_settings(home, clock="watermark", policy="generic")
    return Settings(home=home, clock="watermark", policy="generic")


def _empty(home: Path) -> None:
    """Remove all but the mark: who is ended in between finds the home of a try again."""
    for one in home.iterdir():
        if one.name == MARK:
            continue
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()


def train_without_leaks(
    settings: Settings, training: Path, progress: TrainingObserver, by: str, trials: int | None
) -> ModelVersion:
    """Train by a configuration; features that the leakage guard names are excluded in its file.

    Raises what training raises, the guard's refusal too where it goes on refusing.
    """
    for attempt in range(MOST_ROUNDS):
        config = training_config(settings, training)
        if trials is not None:
            config = msgspec.structs.replace(config, trials=trials)
        try:
            return train(settings, config, progress, by)
        except LeakRefusal as refusal:
            if attempt == MOST_ROUNDS - 1:
                raise
            progress.warn(f"{refusal.what} They are left out by `exclude` in {training.name}.")
            _exclude(training, config, refusal.features)
    raise AssertionError  # the last round returns or raises


def _exclude(training: Path, config: TrainingConfig, features: Iterable[str]) -> None:
    lines = [
        line
        for line in read_text(training, BadInput).splitlines()
        if not line.startswith("exclude:")
    ]
    names = ", ".join(dict.fromkeys((*config.exclude, *features)))
    lines.append(f"exclude: [{names}]  # the leakage guard of training names them")
    training.write_text("\n".join(lines) + "\n", encoding="utf-8")


def crown(settings: Settings, label: str, by: str) -> str:
    """Make a version the champion by its gates; where one refuses, overrule it.

    What the gates said against it, "" for nothing: in a home that is there to be looked at, a
    ranking with a warning says more than none.
    """
    version = candidate(settings, "model", label)
    reason = "leadscore try"
    try:
        promote(settings, version, Stage.CHAMPION, by=by, reason=reason, weight=None)
    except GateRefusal as refusal:
        version = candidate(settings, "model", label)
        reason = "leadscore try: overruled, to show a ranking"
        promote(settings, version, Stage.CHAMPION, by=by, reason=reason, override=True, weight=None)
        return refusal.what
    return ""


def score_everyone(settings: Settings, on_leads: Callable[[int], None]) -> int:
    """Score every lead into the home's `scores.parquet`; how many."""
    from jobs.decisions.batch_scoring import score_all
    from wiring.scoring import open_scoring

    return score_all(open_scoring(settings), settings.home / SCORES, on_leads)


def ranking(settings: Settings, mapping: Mapping, files: Iterable[Path]) -> list[RankedRow]:
    """Every scored lead, the likeliest first, under the key that its export knows it by."""
    keys, won = _keys(settings, mapping, files)
    columns = ["lead_id", "score", "grade", "percentile", "reasons"]
    rows = pq.read_table(settings.home / SCORES, columns=columns).to_pylist()
    rows.sort(key=lambda row: (-row["score"], row["lead_id"]))
    return [
        RankedRow(
            rank,
            keys.get(row["lead_id"], row["lead_id"]),
            row["score"],
            row["grade"],
            row["percentile"],
            row["lead_id"] in won,
            "; ".join(reason["text"] for reason in msgspec.json.decode(row["reasons"])),
            row["lead_id"],
        )
        for rank, row in enumerate(rows, 1)
    ]


def write_ranking(leads: Iterable[RankedRow], path: Path) -> None:
    """The ranking as CSV: whoever sells opens it in a spreadsheet."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for one in leads:
            score, standing = f"{one.score:.4f}", f"{one.percentile:.1f}"
            won = "yes" if one.won else "no"
            lead = _no_formula(one.lead)
            row = (one.rank, lead, score, one.grade, standing, won, one.reasons, one.lead_id)
            writer.writerow(row)


def _no_formula(text: str) -> str:
    """A text that no spreadsheet runs: what would begin a formula gets an apostrophe."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _keys(
    settings: Settings, mapping: Mapping, files: Iterable[Path]
) -> tuple[dict[str, str], set[str]]:
    """The export's key of each lead, and the leads that are won."""
    directory = open_signals(settings).directory
    winning = set(mapping.file.outcomes["won"].types)
    memo: dict[str, str] = {}
    keys: dict[str, str] = {}
    won: set[str] = set()
    for path in files:
        for row in mapping.documents(path):
            if row.rule or len(memo) > MOST_NAMED:
                continue
            signal = decode(row.document)
            name, identifier = _strongest(signal.identifiers)
            if name not in memo:
                memo[name] = _lead(directory, identifier)
            lead = memo[name]
            keys.setdefault(lead, name)
            if signal.type in winning:
                won.add(lead)
    return keys, won


def _strongest(identifiers: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The strongest identifier, as `kind:value` and by itself."""
    for kind in IdentifierKind:
        value = identifiers.get(kind)
        if value:
            first = value[0] if isinstance(value, list) else value
            return f"{kind}:{first}", {str(kind): first}
    return "", {}


def _lead(directory: LeadDirectory, identifier: dict[str, str]) -> str:
    try:
        return str(directory.find(identifier).lead_id)
    except (UnknownLead, BadInput):
        return ""
