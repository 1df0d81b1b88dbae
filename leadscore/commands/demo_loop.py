"""The end of the demonstration: rollouts that go on, and back, by the operating loop alone."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from config.settings import Settings
from domain.errors import LeadscoreError
from domain.versions.golden_rows import GoldenRows, read_golden, write_golden
from domain.versions.manifest import MODEL_FILE, TABLE_FILE, Manifest, seal
from leadscore.terminal.output import say
from registry.rollout_spec import RolloutSpec
from registry.rollout_state import Rollout, RolloutStep

AUTHOR = "demo"
PLAN = RolloutSpec(
    steps=(RolloutStep(weight=0.3), RolloutStep(weight=0.6)), needs_pass=True, patience_days=60
)
"""How each challenger of the demonstration takes over: the second step needs a verdict."""
SCHEDULE = {
    "version": 1,
    "lease_seconds": 5,
    "jobs": {"rollouts": {"every_minutes": 1440}, "report": {"every_minutes": 1440}},
}
SEED = 3


def schedule(settings: Settings) -> None:
    """What the loop does in the demonstration's home, each simulated day."""
    (settings.home / "operate.yaml").write_text(yaml.safe_dump(SCHEDULE, sort_keys=False))


def start(settings: Settings) -> Rollout:
    """Start the rollout of the challenger."""
    from jobs.models.rollouts import begin

    plan = begin(settings, "model", PLAN, by=AUTHOR, reason="demonstration")
    say(f"  {plan.id}: {plan.challenger} is given to {plan.weight:.0%} of the accounts")
    return plan


def step(settings: Settings, plan: Rollout) -> str:
    """Let the loop do what is due; what became of the rollout, in a line."""
    from jobs.operate.loop import open_loop
    from jobs.operate.operating import operate_once
    from wiring.registry import open_registry

    operate_once(open_loop(settings, lambda line: say(f"  {line}")))
    registry = open_registry(settings)
    now = registry.standing().rollout
    if now is not None and now.step > plan.step:
        return f"{plan.challenger} advances by itself, weight {plan.weight:g} -> {now.weight:g}"
    if now is not None:
        return f"{plan.challenger} waits at weight {now.weight:g}: the verdict is still undecided"
    last = [entry for entry in registry.ledger.entries() if entry.rollout is not None][-1]
    return f"{plan.challenger} is rolled back by itself: {last.reason.split('; ')[-1]}"


def register_broken(settings: Settings, label: str) -> str:
    """Register a version like another whose scores are shuffled; its label.

    Its model's leaf values are dealt out anew. All that was measured of the sound one still stands
    in its manifest, so that every gate lets it through: only decisions can tell.
    """
    from wiring.registry import open_registry

    registry = open_registry(settings)
    folder, manifest = registry.fetch(label)
    broken = settings.home / "demo" / "broken"
    shutil.copytree(folder, broken)
    _shuffle(broken, manifest)
    seal(broken, manifest)
    version = registry.register(broken, run_id=None, by=AUTHOR)
    say(f"  {version.label} is {label} with its scores shuffled; on paper it is as good")
    return version.label


def _shuffle(folder: Path, manifest: Manifest) -> None:
    from catboost import CatBoostClassifier

    from training.model.shap_table import build_table

    model: Any = CatBoostClassifier()
    model.load_model(str(folder / MODEL_FILE))
    leaves = np.asarray(model.get_leaf_values())
    model.set_leaf_values(np.random.default_rng(SEED).permutation(leaves))
    model.save_model(str(folder / MODEL_FILE))
    build_table(model, manifest.features).save(folder / TABLE_FILE)
    golden = read_golden(folder)
    if golden is None:
        raise LeadscoreError("the version has no golden rows", rule="golden-rows")
    write_golden(_scored(model, golden, manifest), folder)


def _scored(model: Any, golden: GoldenRows, manifest: Manifest) -> GoldenRows:
    """The same rows, with what the model says of them now."""
    from catboost import FeaturesData, Pool

    count = len(manifest.features) - len(manifest.categories)
    numbers = np.array(golden.numbers, dtype=np.float32).reshape(len(golden.scores), count)
    parts: dict[str, Any] = {
        "num_feature_data": numbers,
        "num_feature_names": list(manifest.features[:count]),
    }
    if manifest.categories:
        texts = [[text.encode() for text in row] for row in golden.texts]
        parts["cat_feature_data"] = np.array(texts, dtype=object)
        parts["cat_feature_names"] = list(manifest.categories)
    margins = model.predict(Pool(FeaturesData(**parts)), prediction_type="RawFormulaVal")
    margins = np.asarray(margins, dtype=np.float64)
    return GoldenRows(
        numbers=golden.numbers,
        texts=golden.texts,
        margins=tuple(margins.tolist()),
        scores=tuple(manifest.calibrator.apply(margins).tolist()),
    )
