"""Words that stand where nothing was entered: of programs, of forms, of people."""

from collections.abc import Iterable

from signals.identifiers.invented_values import squeezed

_WORDS = frozenset(
    [
        "na", "nan", "nil", "null", "none", "nonespecified", "blank", "empty", "missing", "notset",
        "unset", "notavailable", "notprovided", "notspecified", "notselected", "noneselected",
        "novalue", "undefined", "select", "selectone", "pleaseselect", "choose",
        "pleasechoose", "ka", "keineangabe", "bittewahlen", "nichtangegeben",
        "selectionner", "nonrenseigne", "seleccionar", "seleccione", "sindato", "selezionare",
        "nondisponibile", "selecione", "naoinformado", "nvt", "brak",
    ]
)  # fmt: skip
"""Squeezed: without case, accents, blanks and signs. This project's own list."""

_NOT_KNOWN = frozenset(
    ["unknown", "tbd", "unbekannt", "inconnu", "desconocido", "sconosciuto", "onbekend", "nieznany"]
)
"""An answer where words are asked for; where numbers or times are, there is no value."""

_SIGNS = frozenset(["-", "--", "---", "?", "??", ".", "–", "—", "\\N"])
_SHEET_ERRORS = frozenset(["#n/a", "#null!", "#ref!", "#value!", "#name?", "#div/0!", "#num!"])


def is_missing_word(cell: str) -> bool:
    """Whether a cell says that nothing was entered.

    >>> [is_missing_word(v) for v in ("n/a", "Select", "(not set)", "--", "No", "0", "Nina")]
    [True, True, True, True, False, False, False]
    """
    if cell in _SIGNS or cell.lower() in _SHEET_ERRORS:
        return True
    if len(cell) > 40 or any(sign.isdigit() for sign in cell):
        return False
    return squeezed(cell) in _WORDS


def is_not_known(cell: str) -> bool:
    """Whether a cell says that the value is not known.

    >>> is_not_known("Unknown"), is_not_known("none")
    (True, False)
    """
    return len(cell) <= 40 and squeezed(cell) in _NOT_KNOWN


def missing_words(columns: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The words of some columns that mean missing, each once, in alphabetical order."""
    cells = {cell for column in columns for cell in set(column)}
    return tuple(sorted(cell for cell in cells if cell and is_missing_word(cell)))


def missing_among_values(cells: Iterable[str]) -> tuple[str, ...]:
    """Words of one column for a value that is not known, where all else has digits in it."""
    words, values = [], 0
    for cell in cells:
        if is_not_known(cell):
            words.append(cell)
        elif not any(map(str.isdigit, cell)):
            return ()
        else:
            values += 1
    return tuple(sorted(words)) if values else ()
