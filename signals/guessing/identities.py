"""By which columns a table's rows are known: keys, addresses, telephones, companies, names."""

import re
from collections.abc import Iterable, Iterator, Mapping

from signals.guessing import column_names as names
from signals.guessing.known_exports import Headers, KnownExport
from signals.guessing.table_guess import TableGuess
from signals.mapping.converters import is_action_id

_ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
MOST = 0.8
"""Of a column's distinct cells, the share that look like an address, a telephone or a domain."""

FILLED = 0.9
"""Of the rows, the share that have a key."""

UNIQUE = 0.5
"""Distinct keys for each row that has one."""


def identify(
    guess: TableGuess, export: KnownExport | None, shared: Mapping[str, str], stated: str
) -> None:
    """Settle a table's identifiers.

    `shared` are columns by whose values files hang together, with why; `stated` is the key that
    the user named, which counts if the file has it.
    """
    if export is not None:
        _of_export(guess, export)
    guess.action = _action(guess, stated)
    named = stated if stated in guess.sample.columns else ""
    if named or not guess.identifiers.keys() & {"crm_id", "user_id", "cookie"}:
        _add_key(guess, shared, named)
    if export is None:
        _add_others(guess)


def _action(guess: TableGuess, stated: str) -> str:
    """The column of our actions' ids: by its name, where all its cells could be one."""
    used = {stated, *(c for columns in guess.identifiers.values() for c in columns)}
    for name in guess.sample.names:
        cells = guess.distinct(name)
        if name in used or name in guess.times or not cells:
            continue
        if names.OUR_ACTION.search(names.words_of(name)) and all(map(is_action_id, cells)):
            return name
    return ""


def _of_export(guess: TableGuess, export: KnownExport) -> None:
    headers = Headers(guess.sample.names)
    for kind, columns in export.identifiers.items():
        present = tuple(c for c in headers.all_of(columns) if _serves(guess, kind, c))
        if present:
            guess.identifiers[kind] = present[:1] if kind == "crm_id" else present
            guess.whys[kind] = f"{export.title} has it so"


def _serves(guess: TableGuess, kind: str, column: str) -> bool:
    """Whether there is something in a column, and, of a company's domain, whether it is one."""
    cells = guess.distinct(column)
    return bool(cells) and (kind != "account_id" or _is_company(column, cells))


def _add_key(guess: TableGuess, shared: Mapping[str, str], stated: str) -> None:
    if stated:
        guess.identifiers["crm_id"] = (stated,)
        guess.whys["crm_id"] = "as it was stated"
        return
    candidates = list(_keys(guess, shared))
    if candidates:
        _, column, why = max(candidates, key=lambda one: one[0])
        words = names.words_of(column)
        kind = "user_id" if names.USER.search(words) else "crm_id"
        kind = "cookie" if names.COOKIE.search(words) else kind
        guess.identifiers[kind] = (column,)
        guess.whys[kind] = why


def _keys(guess: TableGuess, shared: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Columns that may be the key, with a rank and why; of equals the first stands first."""
    size, apart = guess.sample.size, {guess.action, *guess.times}
    for place, name in enumerate(guess.sample.names):
        words = names.words_of(name)
        cells = guess.distinct(name)
        filled = sum(bool(cell) for cell in guess.cells(name))
        known = names.USER.search(words) or names.COOKIE.search(words)
        looks = names.KEY.search(words) or known or _mostly(_UUID, cells)
        if name in apart or not looks or filled < FILLED * size or len(cells) < 2:
            continue
        if name in shared:
            yield 10_000 - place, name, shared[name]
            continue
        if names.STAFF.search(words) or (names.OTHER_THING.search(words) and not known):
            continue
        if len(cells) < UNIQUE * filled and not (known or names.LEAD.search(words)):
            continue
        rank = 4_000 * bool(names.LEAD.search(words)) + 2_000 * words.endswith("id")
        why = f"{len(cells):,} values in {filled:,} rows, and its name is a key's"
        yield rank + 1_000 * (words == "id") - place, name, why


def _add_others(guess: TableGuess) -> None:
    mapped_columns = {c for columns in guess.identifiers.values() for c in columns}
    kinds: dict[str, list[str]] = {}
    for name in guess.sample.names:
        cells = guess.distinct(name)
        if name not in (guess.action, *mapped_columns, *guess.times) and cells:
            kind = _kind(name, cells)
            if kind:
                kinds.setdefault(kind, []).append(name)
    for kind, columns in kinds.items():
        if kind not in guess.identifiers:
            guess.identifiers[kind] = tuple(columns[:5])
            guess.whys[kind] = _WHY[kind]


_WHY = {
    "email": "its cells are addresses",
    "phone": "its name says so; numbers without a country code need a `region`",
    "account_id": "it names the company",
    "name": "it names a person: evidence beside an address, never a key",
}


def _kind(name: str, cells: list[str]) -> str:
    words = names.words_of(name)
    if names.STAFF.search(words):
        return ""
    if _mostly(_ADDRESS, cells):
        return "email"
    if names.PHONE.search(words):
        return "phone" if _share(sum(map(str.isdigit, c)) >= 7 for c in cells) >= MOST else ""
    if names.COMPANY_KEY.search(words):
        return "account_id" if _is_company(name, cells) else ""
    if names.PERSON_NAME.search(words):
        two = _share(" " in cell and not any(map(str.isdigit, cell)) for cell in cells)
        return "name" if two >= UNIQUE else ""
    return ""


def _is_company(name: str, cells: list[str]) -> bool:
    return bool(names.KEY.search(names.words_of(name))) or _mostly(_DOMAIN, cells)


def _mostly(pattern: re.Pattern[str], cells: list[str]) -> bool:
    return _share(bool(pattern.fullmatch(cell)) for cell in cells) >= MOST


def _share(tests: Iterable[bool]) -> float:
    listed = list(tests)
    return sum(listed) / len(listed) if listed else 0.0
