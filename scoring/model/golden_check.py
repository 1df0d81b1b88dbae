"""Compares a version that was just opened with its golden rows, scored when it was made."""

from pathlib import Path

import numpy as np

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.versions.golden_rows import GOLDEN_ROWS, GoldenRows, golden_rows, read_golden
from domain.versions.manifest import REFERENCE_FILE, Manifest
from feature_repo.catalogue import category_names, number_names
from scoring.model.scorer import Scorer

CLOSE = 1e-9


def check_golden(scorer: Scorer, folder: Path, definition: FeatureDefinition) -> int:
    """Score a version's golden rows, which warms it too; how many were compared.

    A version that was made before golden rows were kept is compared with the scores of its
    reference sample. Raises BadInput, rule `golden-rows`, where margins or scores are off by more
    than CLOSE.
    """
    rows = read_golden(folder) or of_reference(folder, scorer.manifest)
    count = len(scorer.features) - len(scorer.manifest.categories)
    numbers = np.full((len(rows.scores), len(number_names(definition))), np.nan)
    numbers[:, _places(number_names(definition), scorer.features[:count])] = np.array(
        rows.numbers, dtype=np.float64
    ).reshape(len(numbers), count)
    places = _places(category_names(definition), scorer.manifest.categories)
    texts = [[""] * len(category_names(definition)) for _ in rows.texts]
    for row, categories in zip(texts, rows.texts, strict=True):
        for place, text in zip(places, categories, strict=True):
            row[place] = text
    scored = scorer.score(numbers, texts)
    scorer.explain(scored.leaves)
    # the first request, most often of one row, must find everything warm
    alone = scorer.score(numbers[:1], texts[:1])
    gaps = [np.abs(scored.scores - rows.scores), np.abs(alone.scores - rows.scores[:1])]
    if rows.margins:
        gaps.append(np.abs(scored.margins - rows.margins))
    worst = float(np.max(np.concatenate(gaps)))
    if not worst <= CLOSE:
        raise BadInput(
            f"its scores differ by {worst:.3g} from its golden rows, must be <= {CLOSE:.3g}",
            rule="golden-rows",
            where=scorer.label,
            todo="Register it again on this machine, with these libraries.",
        )
    return len(rows.scores)


def of_reference(folder: Path, manifest: Manifest) -> GoldenRows:
    """The first rows of a version's reference sample, with their scores and without margins."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / REFERENCE_FILE).slice(0, GOLDEN_ROWS)
    count = len(manifest.features) - len(manifest.categories)
    numbers = [np.asarray(table[name], dtype=np.float64) for name in manifest.features[:count]]
    words = [[t or "" for t in table[name].to_pylist()] for name in manifest.categories]
    return golden_rows(
        np.column_stack(numbers) if numbers else np.empty((len(table), 0)),
        list(zip(*words, strict=True)) if words else [()] * len(table),
        np.empty(0),
        np.asarray(table["score"], dtype=np.float64),
    )


def _places(names: tuple[str, ...], wanted: tuple[str, ...]) -> list[int]:
    at = {name: place for place, name in enumerate(names)}
    return [at[name] for name in wanted]
