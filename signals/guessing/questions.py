"""What no file can tell: questions, each with the option that settles it."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from domain.errors import BadInput

DateOrder = Literal["dmy", "mdy"]


class OpenQuestion(NamedTuple):
    """A question about a file. `guess` is what `--yes` takes; "" where nothing can be guessed."""

    option: str
    text: str
    where: str
    choices: tuple[str, ...] = ()
    guess: str = ""


Ask = Callable[[OpenQuestion], str]
"""Gives the answer to a question. Raises BadInput where nobody answers."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the user says without being asked, by option; "" and None where nothing is said.

    `outcome` is a column, or COLUMN=WORD of the word that means won.
    """

    encoding: str = ""
    sheet: str = ""
    date_order: str = ""
    decimal: str = ""
    time_zone: str = ""
    outcome: str = ""
    key: str = ""
    created: str = ""


class Notes:
    """Asks what the user did not say, and keeps what was settled how, for the comments."""

    def __init__(self, answers: Answers, ask: Ask) -> None:
        self.answers = answers
        self._ask = ask
        self._settled: dict[tuple[str, str], str] = {}

    def settle(self, stated: str, question: OpenQuestion) -> str:
        """The answer: what was stated, or given to the same question before, or asks for it.

        Raises BadInput for an answer that is none of the choices.
        """
        key = question.option, question.text
        answer = stated or self._settled.get(key) or self._ask(question)
        if question.choices and answer not in question.choices:
            raise BadInput(
                f"the answer to {question.option} is none of the choices",
                rule="init-answer",
                where=question.where,
                todo=f"Give one of {', '.join(question.choices)}.",
            )
        self._settled[key] = answer
        return answer


def take_guess(question: OpenQuestion) -> str:
    """What `--yes` answers. Raises BadInput where nothing can be guessed."""
    if question.guess:
        return question.guess
    raise unanswered(question)


def unanswered(question: OpenQuestion) -> BadInput:
    """The error of a question that nobody answers."""
    todo = f"Give {question.option}."
    if question.choices:
        todo = f"Give {question.option} with one of {', '.join(question.choices)}."
    return BadInput(question.text, rule="init-question", where=question.where, todo=todo)
