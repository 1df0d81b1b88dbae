"""Expressions of a policy in pieces: texts, templates, numbers, names and signs.

The engine's rules, as far as a policy may use them. A text ends at the next quote like its first
one, whatever stands between: there are no escapes and no comments. A template, in backticks, holds
expressions in `${...}`. What is none of these is refused, so that nothing hides from the checks.
"""

import re
from dataclasses import dataclass
from typing import Literal

MOST_CHARACTERS = 20_000
"""An expression may be so long."""

TokenKind = Literal["number", "text", "name", "sign", "template", "end"]
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?(?:e[+-]?[0-9]+)?")
_NAME = re.compile(r"[A-Za-z_$#][A-Za-z0-9_$]*")
_STOP = re.compile(r"`|\$\{")
_SIGN = re.compile(r"\.\.|==|!=|<=|>=|\?\?|[-+*/%^<>?:,.()\[\]{}!]")


class NotUnderstood(Exception):
    """An expression that is not in the language of policies; says what and where."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece: its kind, its text (of a text without quotes), and the place where it begins.

    A template's `parts` are its texts, and the pieces of its expressions.
    """

    kind: TokenKind
    text: str
    at: int
    parts: tuple["str | tuple[Token, ...]", ...] = ()


def tokens(expression: str) -> tuple[Token, ...]:
    """The pieces of an expression, the last of kind `end`. Raises NotUnderstood."""
    if len(expression) > MOST_CHARACTERS:
        raise NotUnderstood(
            f"it has {len(expression):,} characters, at most {MOST_CHARACTERS:,} may be"
        )
    tokens_read, _ = _read(expression, 0, inside=False)
    return tokens_read


def _read(text: str, at: int, *, inside: bool) -> tuple[tuple[Token, ...], int]:
    """The pieces from a place on, to the end or, inside a template, to the brace that closes."""
    tokens_read: list[Token] = []
    depth = 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            if inside:
                raise NotUnderstood("a `${` is not closed")
            return (*tokens_read, Token("end", "", at)), at
        if inside and depth == 0 and text[at] == "}":
            return (*tokens_read, Token("end", "", at)), at + 1
        token, at = _one(text, at, inside=inside)
        depth += {"{": 1, "}": -1}.get(token.text, 0) if token.kind == "sign" else 0
        tokens_read.append(token)


def _one(text: str, at: int, *, inside: bool) -> tuple[Token, int]:
    first = text[at]
    if first in "'\"":
        end = text.find(first, at + 1)
        if end < 0:
            raise NotUnderstood(f"the text that begins at character {at + 1} does not end")
        return Token("text", text[at + 1 : end], at), end + 1
    if first == "`":
        if inside:
            raise NotUnderstood("a template stands within a template")
        return _template(text, at)
    for kind, pattern in _PATTERNS:
        if match := pattern.match(text, at):
            return Token(kind, match[0], at), match.end()
    raise NotUnderstood(f"character {at + 1} is {first!r}, which no expression may hold")


_PATTERNS: tuple[tuple[TokenKind, re.Pattern[str]], ...] = (
    ("number", _NUMBER),
    ("name", _NAME),
    ("sign", _SIGN),
)


def _template(text: str, begin: int) -> tuple[Token, int]:
    parts: list[str | tuple[Token, ...]] = []
    at = begin + 1
    while match := _STOP.search(text, at):
        parts.append(text[at : match.start()])
        if match[0] == "`":
            return Token("template", text[begin : match.end()], begin, tuple(parts)), match.end()
        inner, at = _read(text, match.end(), inside=True)
        parts.append(inner)
    raise NotUnderstood(f"the template that begins at character {begin + 1} does not end")
