"""Certificates: what counts never changes, and the contrary is seldom proved."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock import DAY
from domain.versions.certificate import Certificate
from monitoring.canary import Paired
from monitoring.canary_rule import load_rule
from monitoring.certificate import CertificateTerms, KnownThen, certify

RULE = load_rule()
MOST, WINDOW = RULE.certificate.most, RULE.certificate.window_days
MARGIN = 0.01


def made(values: np.ndarray, account: np.ndarray, day: np.ndarray) -> Certificate:
    rows = Paired(
        y=values,
        champion=values,
        challenger=values,
        account=account,
        decided_us=(day * DAY).astype(np.int64),
        decision_ids=tuple(f"decision-{i}" for i in range(len(values))),
        matured_us=round(day[-1] * DAY),
    )
    terms = CertificateTerms(rule=2, margin=MARGIN, most=MOST, window_days=WINDOW, alpha=0.05)
    made = certify(values, rows, terms, KnownThen(9, 8, 7))
    assert CertificateTerms.of(made) == terms
    return made


def decided(seed: int, n: int, accounts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    account = random.integers(0, accounts, n)
    drawn = random.normal(0, 0.1, n) + 0.05 * random.normal(size=accounts)[account]
    return np.clip(drawn, -1, 1), account, np.sort(random.uniform(0, 60, n))


@given(st.integers(0, 2**32), st.integers(20, 300))
@settings(deadline=None)
def test_it_counts_as_by_hand(seed: int, n: int) -> None:
    values, account, day = decided(seed, n, 40)
    found = made(values, account, day)
    first = {a: day[account == a].min() for a in set(account.tolist())}
    done = [a for a, begun in first.items() if begun + WINDOW <= day[-1]]
    counted = 0
    for a in done:
        mine = np.flatnonzero(account == a)[:MOST]
        counted += int((day[mine] - first[a] <= WINDOW).sum())
    assert (found.accounts, found.decisions) == (len(done), counted)
    assert found.watermark_us == 7


def test_the_contrary_is_seldom_proved() -> None:
    proved = {"equal": 0, "at the margin": 0}
    for seed in range(100):
        random = np.random.default_rng(seed)
        account, day = random.integers(0, 900, 3000), np.sort(random.uniform(0, 90, 3000))
        noise = np.clip(random.normal(0, 0.1, 3000), -0.5, 0.5)
        found = [made(noise[:n], account[:n], day[:n]) for n in (1000, 2000, 3000)]
        proved["equal"] += any(one.log_worse >= one.log_needed for one in found)
        late = [made(noise[:n] + MARGIN, account[:n], day[:n]) for n in (1000, 2000, 3000)]
        proved["at the margin"] += any(one.log_no_worse >= one.log_needed for one in late)
    assert max(proved.values()) <= 0.05 * 100, proved


def test_what_is_so_is_proved() -> None:
    random = np.random.default_rng(1)
    account, day = np.arange(6000), np.sort(random.uniform(0, 90, 6000))
    noise = np.clip(random.normal(0, 0.1, 6000), -0.5, 0.5)
    found = made(noise, account, day)
    assert found.log_no_worse >= found.log_needed > found.log_worse
    worse = made(noise + 0.05, account, day)
    assert worse.log_worse >= worse.log_needed > worse.log_no_worse
