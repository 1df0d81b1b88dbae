"""Questions to whoever sits at the terminal; where nobody does, the option is named."""

import typer

from signals.guessing.questions import Ask, OpenQuestion, take_guess, unanswered


def asking(*, take_guesses: bool) -> Ask:
    """What answers questions: the guesses themselves, or the person at the terminal."""
    return take_guess if take_guesses else _prompted


def guesses_first(question: OpenQuestion) -> str:
    """The guess where there is one; else the person at the terminal is asked."""
    return question.guess or _prompted(question)


def _prompted(question: OpenQuestion) -> str:
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    text = f"{question.where}: {question.text}{choices}"
    try:
        answer: str = typer.prompt(text, default=question.guess or None, err=True)
    except typer.Abort:
        raise unanswered(question) from None
    return answer.strip()
