"""The product's extras: what is needed beyond the base, and what is said without."""

from collections.abc import Iterable
from importlib.util import find_spec

from domain.errors import Missing

MODULES = {
    "bus": ("faststream", "aiokafka", "nats"),
    "serve": ("bentoml", "catboost", "holidays", "jinja2", "jwt", "starlette", "uvicorn"),
    "mcp": ("catboost", "mcp"),
    "monitor": ("apprise", "catboost", "evidently", "plotly", "scipy"),
    "operate": ("apscheduler", "holidays"),
    "train": (
        "catboost",
        "fairlearn",
        "markdown_it",
        "matplotlib",
        "mlflow",
        "optuna",
        "plotly",
        "scipy",
        "sklearn",
    ),
}
"""What each extra of pyproject.toml brings, by the names that are imported."""


def require(*extras: str) -> None:
    """Raise Missing unless all that these extras bring is installed; nothing is loaded."""
    lacking = {e: [m for m in MODULES[e] if find_spec(m) is None] for e in extras}
    if any(lacking.values()):
        short = [extra for extra, modules in lacking.items() if modules]
        raise _missing(dict.fromkeys(m for modules in lacking.values() for m in modules), short)


def missing_extra(module: str | None) -> Missing | None:
    """What a module that cannot be imported means to a user; None where no extra brings it."""
    package = (module or "").partition(".")[0]
    extra = next((extra for extra, modules in MODULES.items() if package in modules), None)
    return None if extra is None else _missing([package], [extra])


def _missing(modules: Iterable[str], extras: Iterable[str]) -> Missing:
    return Missing(
        f"this needs libraries that are not installed: {', '.join(modules)}",
        rule="extra-installed",
        todo=f'Run: pip install "leadscore[{",".join(extras)}]"',
    )
