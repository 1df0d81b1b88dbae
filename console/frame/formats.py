"""How figures, moments and ids read on a page."""

import re

from markupsafe import Markup, escape

from domain.clock import from_us

Figure = float | int | str | None
NONE = "–"
_CODE = re.compile(r"`([^`]*)`")


def moment(us: int | None) -> str:
    """Microseconds since 1970 as a day and a minute, UTC.

    >>> moment(1_700_000_000_000_000)
    '2023-11-14 22:13'
    """
    return NONE if us is None else from_us(us).strftime("%Y-%m-%d %H:%M")


def when(text: str | None) -> str:
    """RFC 3339 text as a day and a minute.

    >>> when("2026-03-01T12:30:59Z")
    '2026-03-01 12:30'
    """
    return NONE if not text else text[:16].replace("T", " ")


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.1234)
    '12.3%'
    """
    return NONE if share is None else f"{share:.{digits}%}"


def figure(value: Figure) -> str:
    """A value as a person reads it: six digits, thousands apart.

    >>> figure(12345.678), figure(None), figure("DE")
    ('12,345.7', '–', 'DE')
    """
    if value is None or value != value:  # noqa: PLR0124 (NaN)
        return NONE
    return value if isinstance(value, str) else f"{value:,.6g}"


def count(value: int | None) -> str:
    """A whole number, thousands apart.

    >>> count(1234567)
    '1,234,567'
    """
    return NONE if value is None else f"{value:,}"


def short(text: str, longest: int = 18) -> str:
    """The beginning of an id, where it is long.

    >>> short("lead_0ea1b3fad4e2a3e1b"), short("lead-3")
    ('lead_0ea1b3fad4e2…', 'lead-3')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def words(name: str) -> str:
    """A name of a program as words.

    >>> words("next_best_action"), words("too-many-neighbours")
    ('next best action', 'too many neighbours')
    """
    return name.replace("_", " ").replace("-", " ")


def coded(text: str) -> Markup:
    """A sentence with what stands in backquotes as code; all of it is escaped.

    >>> coded("run `a <b>`")
    Markup('run <code>a &lt;b&gt;</code>')
    """
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 escaped
