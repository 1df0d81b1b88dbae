"""What makes a version's folder an MLflow model: MLmodel, signature, example, requirements.

Loading this module loads MLflow: only `registry.tracking` does.
"""

import logging
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

from domain.versions.manifest import Manifest

LOADER = "scoring.mlflow_model"
"""The module that MLflow loads a version with: it unpickles nothing."""
WANTED = ("contributions", "reasons")
"""What a caller of `predict` may ask for beside probabilities."""
REQUIRED = ("leadscore", "mlflow", "catboost", "numba", "numpy", "pandas", "scipy")


def write_model_files(manifest: Manifest, folder: Path) -> None:
    """Write the files beside which a version of a model is one of MLflow's too.

    They are not among the files that the manifest seals: MLflow reads them, this product does not.
    The example is made up: nothing known of a lead, and no lead's features.
    """
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    mlflow.pyfunc.save_model(
        str(folder),
        loader_module=LOADER,
        signature=signature(manifest),
        input_example=example(manifest),
        pip_requirements=_requirements(),
        metadata={"version": manifest.name, "created": manifest.created},
    )


def signature(manifest: Manifest) -> ModelSignature:
    """The model's features by name and kind; a probability; what is wanted beside it."""
    texts = set(manifest.categories)
    inputs = [ColSpec("string" if f in texts else "double", f) for f in manifest.features]
    return ModelSignature(
        inputs=Schema(inputs),
        outputs=Schema([ColSpec("double", "probability")]),
        params=ParamSchema([ParamSpec(name, "boolean", default=False) for name in WANTED]),
    )


def example(manifest: Manifest) -> pd.DataFrame:
    """One row of the model's features: numbers 0, categories empty."""
    texts = set(manifest.categories)
    return pd.DataFrame({f: [""] if f in texts else [0.0] for f in manifest.features})


def _requirements() -> list[str]:
    requirements = []
    for name in REQUIRED:
        try:
            requirements.append(f"{name}=={installed(name)}")
        except PackageNotFoundError:
            continue
    return requirements
