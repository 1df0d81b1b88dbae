"""A home beside the home, for work that makes history anew: others may be at the same."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from domain.definition import FeatureDefinition
from wiring.quality import FILE as QUALITY
from wiring.settings import Settings
from wiring.signals import write_definition


@contextmanager
def scratch_home(
    settings: Settings, definition: FeatureDefinition, prefix: str
) -> Iterator[Settings]:
    """A home of its own over the same databases, for this definition; removed at the end."""
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=f"{prefix}-") as held:
        home = Path(held).resolve()
        for name in ("contracts", QUALITY):
            source = settings.home / name
            if source.is_dir():
                shutil.copytree(source, home / name)
            elif source.is_file():
                shutil.copy2(source, home / name)
        scratch = msgspec.structs.replace(
            settings,
            home=home,
            signals_url=settings.signals_db,
            audit_url=settings.audit_db,
            ledger_url=settings.ledger_db,
            online="",
        )
        write_definition(scratch.definition_file, definition)
        yield scratch
