"""The certificate of a verdict: evidence that an auditor recomputes without trusting anybody.

A gambler's capital who bets, account by account, that the challenger is no worse than the margin
allows, or that it is worse than the champion. Under the contrary it reaches 1/alpha with chance
alpha at most, whenever it is read, for samples of any size (`measures.e_processes`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY
from domain.versions.certificate import Certificate
from measures.e_processes import betting_e_process
from monitoring.canary_rule import CanaryRule

Column = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CertificateTerms:
    """What a certificate is made by: the version of the rule, and its numbers."""

    rule: int
    margin: float
    most: int
    window_days: float
    alpha: float

    @classmethod
    def by(cls, rule: CanaryRule, margin: float) -> "CertificateTerms":
        """Those of a rule, with the margin that it comes to."""
        return cls(
            rule=rule.version,
            margin=margin,
            most=rule.certificate.most,
            window_days=rule.certificate.window_days,
            alpha=rule.alpha,
        )

    @classmethod
    def of(cls, certificate: Certificate) -> "CertificateTerms":
        """Those that a certificate was made by."""
        return cls(
            rule=certificate.rule,
            margin=certificate.margin,
            most=certificate.most,
            window_days=certificate.window_days,
            alpha=certificate.alpha,
        )


@dataclass(frozen=True, slots=True)
class KnownThen:
    """What was known when a comparison was made.

    So many records of the audit trail, and events of the log, in the order in which they came;
    `watermark_us` is the newest moment of those events, in microseconds since 1970.
    """

    records: int
    events: int
    watermark_us: int

    @classmethod
    def of(cls, certificate: Certificate) -> "KnownThen":
        """What a certificate rests on."""
        return cls(certificate.records, certificate.events, certificate.watermark_us)


class CertifiedRows(Protocol):
    """Matured decisions [n], in their order: ids, accounts, and when they were made."""

    @property
    def decision_ids(self) -> Sequence[str]:
        """Ids of decisions."""
        ...

    @property
    def account(self) -> Index:
        """Cluster numbers."""
        ...

    @property
    def decided_us(self) -> Index:
        """Microseconds since 1970."""
        ...

    @property
    def matured_us(self) -> int:
        """Up to when every decision has matured."""
        ...


def certify(
    differences: Column,
    rows: CertifiedRows,
    terms: CertificateTerms,
    known: KnownThen,
) -> Certificate:
    """The certificate on matured decisions [n].

    `differences` are the challenger's squared error less the champion's, in −1..1. An account's
    value is the sum of its first decisions over the most that may count, in the order of the
    accounts' first decisions; it counts once its window is over, so that what counts never changes
    as more decisions mature.
    """
    most, margin = terms.most, terms.margin
    window_us = round(terms.window_days * DAY)
    counted, code, sizes = _counted(rows, most, window_us)
    values = np.bincount(code, differences[counted], len(sizes)) / most
    # a margin for each decision that counts: sums are compared, not means
    above = values - margin * sizes / most
    return Certificate(
        accounts=len(sizes),
        decisions=len(counted),
        records=known.records,
        events=known.events,
        watermark_us=known.watermark_us,
        alpha=terms.alpha,
        rule=terms.rule,
        margin=margin,
        most=most,
        window_days=terms.window_days,
        log_no_worse=_last(above, -1 - margin, 1, "below", terms.alpha),
        log_worse=_last(values, -1, 1, "above", terms.alpha),
        log_needed=float(np.log(1 / terms.alpha)),
        data=_digest([rows.decision_ids[i] for i in counted], differences[counted]),
    )


def _last(values: Column, lower: float, upper: float, alternative: str, alpha: float) -> float:
    evidence = betting_e_process(
        values,
        null=0.0,
        lower=lower,
        upper=upper,
        alternative="below" if alternative == "below" else "above",
        alpha=alpha,
    )
    return float(evidence[-1]) if len(evidence) else 0.0


def _counted(
    rows: CertifiedRows, most: int, window_us: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Column]:
    """Places of the decisions that count, the account of each by order, and accounts' sizes."""
    account, decided_us = rows.account, rows.decided_us
    order = np.argsort(account, kind="stable")
    first = np.concatenate([[True], account[order][1:] != account[order][:-1]])[: len(order)]
    place = np.arange(len(order))
    start = np.maximum.accumulate(np.where(first, place, 0))
    rank, begun = np.empty_like(order), np.empty_like(order)
    rank[order], begun[order] = place - start, order[start]
    kept = (rank < most) & (decided_us - decided_us[begun] <= window_us)
    kept &= decided_us[begun] + window_us <= rows.matured_us  # nothing of it is still to come
    counted = np.flatnonzero(kept)
    _, code = np.unique(begun[counted], return_inverse=True)
    return counted, np.asarray(code), np.bincount(code).astype(np.float64)


def _digest(decision_ids: Sequence[str], values: Column) -> str:
    lines = (f"{one} {value!r}\n" for one, value in zip(decision_ids, values.tolist(), strict=True))
    return sha256("".join(lines).encode()).hexdigest()
