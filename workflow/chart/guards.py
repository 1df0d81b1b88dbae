"""Guards: conditions in the language of policies, checked as those are, evaluated by the engine."""

from decisions.expressions.condition import CannotEvaluate, CompiledCondition, ConditionFacts
from decisions.expressions.cost import TooLarge, weigh
from decisions.expressions.syntax import Tree, parse
from decisions.expressions.tokens import NotUnderstood
from decisions.policy.expression_checks import complaint, impure_calls, names_in, shown
from domain.errors import BadConfiguration
from workflow.chart.facts import FACTS

GuardFacts = ConditionFacts


class Guard:
    """A condition on the facts of a lead. Raises BadConfiguration where it cannot be one.

    It holds where the engine says true, and nothing else: neither a number nor a text is true.
    """

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where
        self.tree = _checked(text, where)
        self.names = frozenset(names_in(self.tree, unary=False))
        self._condition = CompiledCondition(text)

    def holds(self, facts: GuardFacts) -> bool:
        """Whether it holds. Raises BadConfiguration where the engine cannot work with the facts."""
        try:
            return self._condition.holds(facts)
        except CannotEvaluate:
            raise _bad(self.text, self.where, "the engine cannot evaluate it") from None


def _checked(text: str, where: str) -> Tree:
    what = complaint(text, unary=False)
    if what is not None:
        raise _bad(text, where, what)
    tree = parse(text, unary=False)
    unknown = sorted(names_in(tree, unary=False) - FACTS.keys())
    if unknown:
        raise _bad(text, where, f"it names {', '.join(unknown)}, which is no fact of a lead")
    impure = sorted(impure_calls(tree))
    if impure:
        raise _bad(text, where, f"it calls {', '.join(impure)}, which the facts do not settle")
    try:
        weigh(tree, {})
    except TooLarge as bad:
        raise _bad(text, where, str(bad)) from None
    except NotUnderstood as bad:  # pragma: no cover complaint says so before
        raise _bad(text, where, str(bad)) from None
    return tree


def _bad(text: str, where: str, what: str) -> BadConfiguration:
    return BadConfiguration(
        f"guard {shown(text)}: {what}",
        rule="workflow-guard",
        key=where,
        todo=f"A guard compares facts of a lead: {', '.join(FACTS)}.",
    )
