"""Named features: one pure function of state and moment, used online, offline and in replay.

`features(state, as_of)` reads what `domain.state` keeps, so what training saw at a moment is what
serving would have said then. Missing is NaN; categories are text, "" where missing.
"""

import numpy as np

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.state import SEQUENCE, Matrix, Vector, layout_of
from feature_repo.catalogue import STEPS, Feature, Kind, catalogue, category_names, number_names
from feature_repo.number_kernel import fill
from feature_repo.number_plan import columns_of, plan_of

__all__ = [
    "STEPS",
    "Feature",
    "Kind",
    "catalogue",
    "categories",
    "category_names",
    "compile_numbers",
    "number_names",
    "numbers",
]


def numbers(
    definition: FeatureDefinition, leads: Matrix, accounts: Matrix, as_of: Vector
) -> Matrix:
    """The number features [n, features] of states [n, width] at moments [n], in seconds.

    `accounts` [n, account width] may have no columns where the definition keeps no accounts.
    An event later than the moment counts as of the moment. Raises BadInput for other shapes.
    """
    plan, columns = plan_of(definition), columns_of(definition)
    rows, wide = len(as_of), plan.account_width or accounts.shape[1]
    if leads.shape != (rows, plan.width) or accounts.shape != (rows, wide):
        raise BadInput(
            f"states {leads.shape} or accounts {accounts.shape} are not those of {rows} moments",
            rule="state-width",
            where=definition.label,
            todo="Run `leadscore features rebuild`: states of another definition cannot be used.",
        )
    out = np.empty((rows, columns.width))
    leads, accounts, as_of = map(np.ascontiguousarray, (leads, accounts, as_of))
    fill(plan, columns, leads, accounts, as_of, out)
    return out


def compile_numbers(definition: FeatureDefinition) -> None:
    """Compile what `numbers` runs, or read it from the compiler's cache: in no request."""
    layout = layout_of(definition)
    none = np.zeros((0, layout.width)), np.zeros((0, layout.account_width)), np.zeros(0)
    numbers(definition, *none)


def categories(
    definition: FeatureDefinition, leads: Matrix, texts: list[list[str]]
) -> list[list[str]]:
    """The category features, n rows, of states [n, width] and their text attributes.

    The last two steps, newest first; both as "from>to"; the texts.
    """
    names = ["", *(f.name for f in definition.families)]
    steps = leads[:, SEQUENCE + 2 : SEQUENCE + 3 * STEPS : 3].astype(np.int64)
    kept = len(definition.texts)
    return [
        [*(path := [names[s] for s in step]), ">".join(path[::-1]) if step[-1] else "", *row[:kept]]
        for step, row in zip(steps.tolist(), texts, strict=True)
    ]
