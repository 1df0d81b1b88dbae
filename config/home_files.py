"""Rules that come with the product, and that a home may have its own file of."""

from pathlib import Path

from config.settings import Settings


def rules_file(settings: Settings, packaged: Path) -> Path:
    """The home's own file of the same name, or the one that comes with the product."""
    own = own_file(settings.home, packaged)
    return packaged if own is None else own


def own_file(home: Path, packaged: Path) -> Path | None:
    """The home's own file; None where there is none. One that cannot be read is not left out."""
    own = home / packaged.name
    return own if own.exists() or own.is_symlink() else None
