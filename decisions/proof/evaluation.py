"""Whether conditions hold, as the engine itself says."""

from collections.abc import Mapping
from typing import Any

import zen

from decisions.expressions.syntax import CELL, parse
from decisions.policy.expression_checks import names
from decisions.policy.table_axes import CellValue
from decisions.proof.conditions import CellCondition, Reading


class Evaluator:
    """Evaluates the conditions of a policy; what was told once is remembered."""

    def __init__(self, reading: Reading) -> None:
        self._keys = {key: zen.compile_expression(text) for key, text in reading.keys.items()}
        self._needs: dict[str, list[str]] = {}
        for key, text in reading.keys.items():
            mine = [n for n in names(text) if n in self._needs]
            self._needs[key] = [*dict.fromkeys(k for n in mine for k in (*self._needs[n], n))]
        self._compiled: dict[tuple[str | None, str], tuple[Any, Any, list[str]]] = {}
        self._answers: dict[tuple[object, ...], bool] = {}

    def holds(self, condition: CellCondition, known: Mapping[str, CellValue]) -> bool:
        """Whether a condition holds of facts and results, which are all that it reads."""
        read = tuple(
            (known[name], type(known[name])) for name in (*condition.facts, *condition.results)
        )
        key = (condition.field, condition.test, read)
        if key not in self._answers:
            self._answers[key] = self._evaluate(condition, known)
        return self._answers[key]

    def _evaluate(self, condition: CellCondition, known: Mapping[str, CellValue]) -> bool:
        field, test, keys = self._code(condition)
        read = (*condition.facts, *condition.results)
        context = _nested({name: known[name] for name in read})
        try:
            for key in keys:
                context[key] = self._keys[key].evaluate(context)
            if field is not None:
                context[CELL] = field.evaluate(context)
            return bool(test.evaluate(context))
        except RuntimeError:  # as `'a' > 7`: in a table it does not match
            return False

    def _code(self, condition: CellCondition) -> tuple[Any, Any, list[str]]:
        about = (condition.field, condition.test)
        if about not in self._compiled:
            unary = condition.field is not None
            compile_test = zen.compile_unary_expression if unary else zen.compile_expression
            field = zen.compile_expression(condition.field) if condition.field else None
            read = {
                str(p.value) for p in parse(condition.test, unary=unary).walk() if p.shape == "name"
            }
            read |= names(condition.field) if condition.field else set()
            mine = [n for n in self._needs if n in read]
            keys = [*dict.fromkeys(k for n in mine for k in (*self._needs[n], n))]
            self._compiled[about] = (field, compile_test(condition.test), keys)
        return self._compiled[about]


def _nested(values: Mapping[str, CellValue]) -> dict[str, Any]:
    """The context of an expression: `profile.plan` is a member of `profile`."""
    context: dict[str, Any] = {}
    for name, value in values.items():
        root, _, rest = name.partition(".")
        if rest:
            context.setdefault(root, {})[rest] = value
        else:
            context[root] = value
    return context
