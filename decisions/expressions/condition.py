"""A condition in the language of policies, compiled once, evaluated by the engine."""

import zen

ConditionFacts = dict[str, float | str | bool]


class CannotEvaluate(Exception):
    """The engine cannot work with the facts."""


class CompiledCondition:
    """An expression that was checked before, as `decisions.policy.expression_checks` does.

    Safe to use from many threads.
    """

    def __init__(self, text: str) -> None:
        self._compiled = zen.compile_expression(text)

    def holds(self, facts: ConditionFacts) -> bool:
        """Whether its result is true, and nothing else: neither a number nor a text is.

        Raises CannotEvaluate.
        """
        try:
            return self._compiled.evaluate(facts) is True
        except (RuntimeError, ValueError) as bad:
            raise CannotEvaluate from bad
