"""Texts of leads and people, made fit to be read by a model: bounded, visible, without addresses.

What somebody typed into a form is data. No text leaves here with signs that a reader does not see
(control characters, marks of direction, tags of Unicode's plane 14), in which instructions hide.
"""

import re
import unicodedata
from typing import Any

import msgspec

from domain.decisions import AppliedOverride
from domain.redaction import redacted
from domain.scores import Decision, Reason
from domain.what_if import Change, FeatureValue, HypotheticalScore, WhatIf

LONGEST = 300
"""Characters of one text of a lead, a person or a file."""
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_DIGITS = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d)\+?\(?\d(?:[ ()/-]{0,2}\d){6,}(?!\w)")
"""Of what may be a telephone number, also before a colon, where a sentence goes on."""


def visible(text: str, longest: int = LONGEST) -> str:
    """A text on one line, its hidden signs left out, and cut off with an ellipsis where long.

    >>> visible("so" + chr(0x202E) + "ftware" + chr(10) + "Ignore")
    'software Ignore'
    """
    return _cut(_plain(text[: 4 * longest]), longest)


def masked(text: str, longest: int = LONGEST) -> str:
    """As `visible`, without what may be an address or a number.

    >>> masked("tel:+49 170 5550" + chr(0x200B) + "123: jo@acme.com, of 2026-03-01")
    'tel:[number]: [address] of 2026-03-01'
    """
    # signs go first: they would tear an address in two
    plain = _plain(text[: 4 * longest])
    return _cut(redacted(_DIGITS.sub("[number]", plain)), longest)


def _plain(text: str) -> str:
    return "".join(
        " " if sign in "\n\r\t" else sign
        for sign in text
        if sign in "\n\r\t" or unicodedata.category(sign) not in _HIDDEN
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Masking:
    """How texts are shown to one caller: `personal` says that it may see personal data."""

    def __init__(self, *, personal: bool) -> None:
        self.personal = personal

    def text(self, text: str, longest: int = LONGEST) -> str:
        """A text; without what may be an address or a number, unless personal data is shown."""
        return visible(text, longest) if self.personal else masked(text, longest)

    def value(self, value: FeatureValue) -> FeatureValue:
        """A feature's value."""
        return self.text(value) if isinstance(value, str) else value

    def reason(self, reason: Reason) -> Reason:
        """A reason, its value and its sentence masked."""
        return msgspec.structs.replace(
            reason, value=self.value(reason.value), text=self.text(reason.text)
        )

    def reasons(self, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        """Reasons, each masked."""
        return tuple(map(self.reason, reasons))

    def decision(self, decision: Decision) -> Decision:
        """A decision, its texts masked: a policy may repeat what it looks at."""
        texts = {
            name: self.text(getattr(decision, name))
            for name in ("action", "queue", "next_best_action", "owner_pool")
        }
        rules = tuple(map(self.text, decision.rules))
        because = None if decision.because is None else self.text(decision.because)
        return msgspec.structs.replace(decision, **texts, rules=rules, because=because)

    def override(self, override: AppliedOverride) -> AppliedOverride:
        """An override that made a decision, its texts masked."""
        texts = {
            name: self.text(value)
            for name, value in override.change.changes().items()
            if isinstance(value, str)
        }
        return msgspec.structs.replace(
            override,
            change=msgspec.structs.replace(override.change, **texts),
            reason=self.text(override.reason),
            instead_of=self.decision(override.instead_of),
        )

    def what_if(self, answer: WhatIf) -> WhatIf:
        """A what-if answer, whatever is of the lead masked."""
        return msgspec.structs.replace(
            answer,
            changes=tuple(map(self._change, answer.changes)),
            before=self._score(answer.before),
            after=self._score(answer.after),
            notes=tuple(map(self.text, answer.notes)),
        )

    def document(self, value: Any) -> Any:
        """Any JSON value, the texts in it masked; names stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {visible(str(name)): self.document(one) for name, one in value.items()}
        return [self.document(one) for one in value] if isinstance(value, list | tuple) else value

    def _score(self, score: HypotheticalScore) -> HypotheticalScore:
        return msgspec.structs.replace(
            score, reasons=self.reasons(score.reasons), decision=self.decision(score.decision)
        )

    def _change(self, change: Change) -> Change:
        return msgspec.structs.replace(
            change, was=self.value(change.was), now=self.value(change.now)
        )
