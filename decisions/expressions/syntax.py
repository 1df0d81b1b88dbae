"""Expressions of a policy as trees: what they read, call and build can be told from these."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from decisions.expressions.tokens import NotUnderstood, Token, tokens

DEEPEST = 32
"""So deep may brackets, calls and templates be nested: they are read by recursion."""
LONGEST = 150
"""So deep may the tree of an expression be, long chains of one operator included."""

Shape = Literal[
    "literal", "name", "template", "call", "list", "object", "range", "index", "operator"
]
_LITERALS: dict[str, object] = {"true": True, "false": False, "null": None}
_WORDS = frozenset({"and", "or", "in", "not"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"??"}),
    frozenset({"or"}),
    frozenset({"and"}),
    _COMPARISONS | {"in", "not in"},
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"^"}),
)
"""Operators between two, those that bind loosest first."""
_COMPARED = 3
CELL = "$"
"""The name of what a unary test is about."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A part of an expression.

    `value`: of a literal what it is, of a name or a call its text, of an operator its sign, of a
    range its brackets. `parts` are the operands, arguments, items, or both ends.
    """

    shape: Shape
    value: object = None
    parts: tuple["Tree", ...] = ()

    def walk(self) -> Iterator["Tree"]:
        """This and all that it holds."""
        waiting = [self]
        while waiting:
            tree = waiting.pop()
            yield tree
            waiting += reversed(tree.parts)

    def depth(self) -> int:
        """How many levels it has."""
        level, count = [self], 0
        while level:
            level, count = [part for tree in level for part in tree.parts], count + 1
        return count


@lru_cache(maxsize=8_192)
def parse(expression: str, *, unary: bool) -> Tree:
    """The tree of an expression; of a unary test, a list of alternatives. NotUnderstood."""
    reader = _Reader(tokens(expression), unary=unary)
    tree = reader.alternatives() if unary else reader.expression()
    reader.end()
    if tree.depth() > LONGEST:
        raise NotUnderstood(f"it is deeper than {LONGEST} levels: make several expressions of it")
    return tree


class _Reader:
    """Reads pieces one by one; `unary`: a comparison may lack what stands before it."""

    def __init__(self, pieces: tuple[Token, ...], *, unary: bool, depth: int = 0) -> None:
        self._pieces = pieces
        self._at = 0
        self._unary = unary
        self._depth = depth

    @property
    def _next(self) -> Token:
        return self._pieces[self._at]

    def take(self, text: str) -> bool:
        """Go over a sign or a word, if it is the next piece."""
        if self._next.kind in ("sign", "name") and self._next.text == text:
            self._at += 1
            return True
        return False

    def end(self) -> None:
        """Raise NotUnderstood where more follows."""
        if self._next.kind != "end":
            self._fail()

    def alternatives(self) -> Tree:
        """The tests of a cell, of which one must hold."""
        trees = [self.expression()]
        while self.take(","):
            trees.append(self.expression())
        return Tree("list", parts=tuple(trees))

    def expression(self) -> Tree:
        """Anything, a choice included."""
        with self._deeper():
            choices, tree = [], self._between(0)
            while self.take("?"):
                choices.append((tree, self.expression()))
                self._expect(":")
                tree = self._between(0)
        for condition, chosen in reversed(choices):
            tree = Tree("operator", "?", (condition, chosen, tree))
        return tree

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotUnderstood(f"it is nested deeper than {DEEPEST} levels")
        yield
        self._depth -= 1

    def _between(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._before()
        lacking = self._unary and level == _COMPARED and self._sign(_LEVELS[level], peek=True)
        tree = Tree("name", CELL) if lacking else self._between(level + 1)
        while sign := self._sign(_LEVELS[level]):
            tree = Tree("operator", sign, (tree, self._between(level + 1)))
        return tree

    def _sign(self, wanted: frozenset[str], *, peek: bool = False) -> str:
        text, begin = self._next.text, self._at
        if self._next.kind not in ("sign", "name"):
            return ""
        if text == "not" and self._pieces[self._at + 1].text == "in":
            text, self._at = "not in", self._at + 1
        sign = text if text in wanted else ""
        self._at = begin if peek or not sign else self._at + 1
        return sign

    def _before(self) -> Tree:
        for sign in ("-", "+", "!", "not"):
            if self.take(sign):
                with self._deeper():
                    return Tree("operator", sign, (self._before(),))
        return self._after(self._first())

    def _after(self, tree: Tree) -> Tree:
        """What follows a value: a member, or a place in it."""
        while True:
            if tree.shape == "name" and self.take("."):
                if self._next.kind != "name":
                    self._fail()
                tree = Tree("name", f"{tree.value}.{self._next.text}")
                self._at += 1
            elif self.take("["):
                tree = self._place(tree)
            else:
                return tree

    def _place(self, tree: Tree) -> Tree:
        parts = [tree, self.expression()]
        if self.take(":"):
            parts.append(self.expression())
        self._expect("]")
        return Tree("index", parts=tuple(parts))

    def _first(self) -> Tree:
        piece = self._next
        self._at += 1
        if piece.kind in ("number", "text"):
            value = _number(piece.text) if piece.kind == "number" else piece.text
            return Tree("literal", value)
        if piece.kind == "template":
            return self._template(piece)
        if piece.kind == "sign" and piece.text in "([{":
            return self._bracket(piece.text)
        if piece.kind == "name" and piece.text not in _WORDS:
            return self._named(piece.text)
        self._at -= 1
        raise self._failure()

    def _named(self, text: str) -> Tree:
        if self.take("("):
            return Tree("call", text, self._arguments(text))
        return Tree("literal", _LITERALS[text]) if text in _LITERALS else Tree("name", text)

    def _template(self, piece: Token) -> Tree:
        parts = []
        for part in piece.parts:
            if isinstance(part, str):
                parts.append(Tree("literal", part))
                continue
            inner = _Reader(part, unary=False, depth=self._depth)
            parts.append(inner.expression())
            inner.end()
        return Tree("template", parts=tuple(parts))

    def _arguments(self, name: str) -> tuple[Tree, ...]:
        trees: list[Tree] = []
        if self.take(")"):
            return ()
        while True:
            trees.append(self.expression())
            if self.take("as"):
                raise NotUnderstood(f"{name}() gives its items a name: they are called `#`")
            if self.take(")"):
                return tuple(trees)
            self._expect(",")

    def _bracket(self, opens: str) -> Tree:
        if opens == "{":
            return self._object()
        if opens == "[" and self.take("]"):
            return Tree("list")
        self._unary, unary = False, self._unary
        trees = [self.expression()]
        if self.take(".."):
            trees.append(self.expression())
            closes = self._next.text
            if not (self.take("]") or self.take(")")):
                self._fail()
            tree = Tree("range", opens + closes, tuple(trees))
        elif opens == "(":
            self._expect(")")
            tree = trees[0]
        else:
            while self.take(","):
                trees.append(self.expression())
            self._expect("]")
            tree = Tree("list", parts=tuple(trees))
        self._unary = unary
        return tree

    def _object(self) -> Tree:
        trees: list[Tree] = []
        if self.take("}"):
            return Tree("object")
        while True:
            if self._next.kind not in ("name", "text"):
                self._fail()
            self._at += 1
            self._expect(":")
            trees.append(self.expression())
            if self.take("}"):
                return Tree("object", parts=tuple(trees))
            self._expect(",")

    def _expect(self, text: str) -> None:
        if not self.take(text):
            raise self._failure(text)

    def _fail(self) -> None:
        raise self._failure()

    def _failure(self, wanted: str = "") -> NotUnderstood:
        piece = self._next
        what = "it ends" if piece.kind == "end" else f"{piece.text[:20]!r} stands"
        expectation = f", {wanted!r} was expected" if wanted else ", which is not understood there"
        return NotUnderstood(f"{what} at character {piece.at + 1}{expectation}")


def _number(text: str) -> float:
    return float(text.replace("_", ""))
