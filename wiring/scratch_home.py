"""A temporary home beside the home, for work that rebuilds history: several may run at once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from config.settings import Settings
from domain.definition import FeatureDefinition
from storage.owned_folder import owned_folder
from wiring.quality import FILE as QUALITY
from wiring.signals import write_definition
from wiring.tidying import tidy


@contextmanager
def scratch_home(
    settings: Settings, definition: FeatureDefinition, prefix: str
) -> Iterator[Settings]:
    """A home of its own over the same databases, for this definition; removed at the end.

    Those of processes that were killed are removed first: they hold personal data.
    """
    tidy(settings)
    with owned_folder(settings.home, prefix) as home:
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
