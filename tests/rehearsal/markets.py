"""Small markets, drawn directly as daily tables: enough of them for thousands of days of looks.

Leads come, are active by an intent that wanders, are scored every day while they are open, and
convert by the chances that the score tells, until something is planted. Sizes, weekdays, e-mails
and sources have the shapes of the simulator's (`simulation`), but no event is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.scores import logistic
from monitoring.causes.cause import CauseKind

Floats = NDArray[np.float64]
Column = NDArray[Any]

LOOKS, HORIZON = 90, 21
BEFORE = 470
"""Days that a market has gone on when it is first looked at: more than a year."""

ARRIVALS, LOST = 16.0, 1 / 70
COUNTRIES = np.array(["US", "GB", "DE", "FR", "IN"], dtype=object)
INDUSTRIES = np.array(["software", "finance", "retail", "health", "education"], dtype=object)
SOURCES = np.array(["website", "trial", "partner", "event", "outbound"], dtype=object)
FEEDS = ("web.page_viewed", "product.feature_used", "marketing.email_opened")
OTHERS = {"crm.activity_logged": 60.0, "support.ticket_opened": 25.0, "crm.lead_created": 12.0}
WEEKDAYS = np.array([1.15, 1.2, 1.2, 1.1, 1.0, 0.65, 0.7])
NUMBERS = (
    "tenure_d", "recency_d", "web_rate_7d", "web_count", "use_rate_7d", "use_count",
    "open_rate_30d", "employees", "satisfaction",
)  # fmt: skip
TEXTS = ("country", "industry", "lead_source")
TOLD = ("employees", "satisfaction", *TEXTS)
LEARNT = ("employees", "web_rate_7d", "use_rate_7d", "open_rate_30d", "industry", "lead_source")
_INDUSTRY = dict(zip(INDUSTRIES, (0.4, 0.2, -0.2, 0.0, -0.4), strict=True))
_SOURCE = dict(zip(SOURCES, (0.1, 0.3, 0.2, -0.2, -0.4), strict=True))
_COUNTED = ("web_rate_7d", "web_count", "use_rate_7d", "use_count", "opens", "sent")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is planted in a market, on a day of the looks within `start`.

    `found_as` are the names that are right for it; without any, nothing may alarm. `season` is
    the amplitude of a year in behaviour, `year` whether the version's log goes back so far.
    """

    name: str
    found_as: tuple[CauseKind, ...] = ()
    start: tuple[int, int] = (20, 35)
    season: float = 0.0
    year: bool = False
    planted: Mapping[str, float] = field(default_factory=dict)


PLANS = (
    Plan("steady"),
    Plan("seasonal, no year known", season=0.1),
    Plan("seasonal, a year known", season=0.3, year=True),
    Plan("gradual shift", (CauseKind.POPULATION_SHIFT,), planted={"shift": 1.0, "over": 40}),
    Plan("sudden shift", (CauseKind.POPULATION_SHIFT,), planted={"shift": 1.0, "over": 1}),
    Plan("broken feed", (CauseKind.SILENT_FEED,), planted={"feed": 1, "keeps": 0.0}),
    Plan("half-silent feed", (CauseKind.HALF_SILENT_FEED,), planted={"feed": 0, "keeps": 0.5}),
    Plan("null burst", (CauseKind.NULL_BURST,), planted={"nulls": 0.6}),
    Plan("unit change", (CauseKind.UNIT_CHANGE,), planted={"factor": 1000.0}),
    Plan("constant", (CauseKind.CONSTANT,), planted={"constant": 1.0}),
    Plan("new segment", (CauseKind.NEW_CATEGORY,), planted={"segment": 0.12}),
    Plan("concept drift, all", (CauseKind.CONCEPT_DRIFT,), (5, 15), planted={"odds": 0.35}),
    Plan(
        "concept drift, a segment",
        (CauseKind.CONCEPT_DRIFT,),
        (5, 15),
        planted={"odds": 0.2, "of": 1.0},
    ),
)


class Market:
    """One market, day by day; `day` counts from the first look."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.random = np.random.default_rng([seed, *plan.name.encode()])
        self.start = int(self.random.integers(*plan.start))
        self.new_only = bool(self.random.random() < 0.5)
        self.phase = float(self.random.uniform(0, 2 * np.pi))
        self.first_holiday = int(self.random.integers(0, LOOKS))
        self.day = -BEFORE
        self.feeds: dict[str, list[int]] = {name: [] for name in (*FEEDS, *OTHERS)}
        self.sizes = self.random.normal(size=20_000)
        self.leads: dict[str, Column] = {}
        self.decided: list[pd.DataFrame] = []
        self._arrive(700, age=90)

    def step(self) -> None:
        """Let a day go by: behaviour, decisions about conversion, leads that leave and come."""
        self.day += 1
        self._behave()
        self._decide()
        stays = (self.leads["closes"] > self.day) & (
            (self.random.random(len(self.leads["lead"])) > LOST) | (self.leads["closes"] < np.inf)
        )
        self.leads = {name: held[stays] for name, held in self.leads.items()}
        self._arrive(int(self.random.poisson(ARRIVALS)), age=1)

    @property
    def planted(self) -> bool:
        """Whether what is planted is there."""
        return self.day >= self.start

    def table(self) -> pd.DataFrame:
        """The open leads as they are scored today: features, score and reason, by lead."""
        held = self._told()
        frame = pd.DataFrame({name: held[name] for name in (*NUMBERS, *TEXTS)})
        parts = contributions(held)
        frame["score"] = logistic(parts.sum(axis=1) - 2.3)
        frame["reason"] = np.array(LEARNT, dtype=object)[np.abs(parts).argmax(axis=1)]
        return frame

    def _behave(self) -> None:
        held, random = self.leads, self.random
        held["level"] += 0.03 * (held["intent"] - held["level"]) + random.normal(
            0, 0.12, len(held["level"])
        )
        moved, traffic = self._moved(), self._traffic()
        level = held["level"] + 0.6 * moved
        web = random.poisson(traffic * np.exp(0.8 * level - 1.2))
        use = random.poisson(traffic * np.exp(0.7 * level - 1.4) * held["trial"])
        sent = random.poisson(0.15, len(level))
        opened = random.binomial(sent, logistic(level - 0.6 + 1.2 * moved))
        counts = [self._arrives(at, n) for at, n in enumerate((web, use, opened))]
        for name, rate in zip(("web", "use"), counts, strict=False):
            held[f"{name}_rate_7d"] = held[f"{name}_rate_7d"] * 2 ** (-1 / 7) + rate
            held[f"{name}_count"] = held[f"{name}_count"] + rate
        fades = 2 ** (-1 / 30)
        held["sent"], held["opens"] = held["sent"] * fades + sent, held["opens"] * fades + counts[2]
        seen = np.sum(counts, axis=0) > 0
        held["recency_d"] = np.where(seen, random.random(len(seen)), held["recency_d"] + 1)
        held["tenure_d"] = held["tenure_d"] + 1
        self._count(counts, traffic)

    def _arrives(self, feed: int, count: NDArray[np.int64]) -> NDArray[np.int64]:
        """What arrives of a feed's events."""
        if self.planted and self.plan.planted.get("feed") == feed:
            return self.random.binomial(count, self.plan.planted["keeps"])
        return count

    def _count(self, counts: list[NDArray[np.int64]], traffic: float) -> None:
        """Events of the day, of visitors whom nobody knows too; days differ more than by chance."""
        for at, (name, count) in enumerate(zip(FEEDS, counts, strict=True)):
            others = self.random.gamma(50, traffic * (200, 120, 60)[at] / 50)
            more = self._arrives(at, np.array(self.random.poisson(others)))
            self.feeds[name].append(int(count.sum() + more))
        for name, mean in OTHERS.items():
            today = self.random.gamma(50, mean * traffic / 50)
            self.feeds[name].append(int(self.random.poisson(today)))

    def _decide(self) -> None:
        """Draw what becomes of the leads whose last decision's horizon is over."""
        held = self.leads
        if self.day == 0:
            held["began"][:], held["closes"][:] = 0, np.inf
        due = ((self.day - held["began"]) % HORIZON == 0) & (held["closes"] == np.inf)
        some = {name: column[due] for name, column in held.items()}
        if not due.any():
            return
        parts = contributions(self._told(some)).sum(axis=1) - 2.3
        truth = parts + 0.3 * self.sizes[::-1][some["company"]] + self._concept(some)
        won = self.random.random(len(truth)) < logistic(truth)
        held["closes"][due] = np.where(
            won, self.day + self.random.integers(1, HORIZON + 1, len(won)), np.inf
        )
        if self.day >= 0:
            kept = {name: some[name] for name in ("lead", "company", *TEXTS)}
            score = logistic(parts)
            self.decided.append(
                pd.DataFrame({**kept, "day": self.day, "score": score, "label": won})
            )

    def _concept(self, held: Mapping[str, Column]) -> Floats:
        odds = self.plan.planted.get("odds", 1.0) if self.planted else 1.0
        chosen = np.ones(len(held["lead"]), dtype=np.bool_)
        if "of" in self.plan.planted:
            chosen = np.isin(held["industry_true"].astype(str), ["software", "finance"])
        if "segment" in self.plan.planted:
            chosen, odds = held["country"] == "BR", 0.3
        return np.where(chosen, np.log(odds), 0.0)

    def _told(self, held: dict[str, Column] | None = None) -> dict[str, Column]:
        """What the home knows of leads: with what is planted in what sources tell."""
        told = dict(self.leads if held is None else held)
        told["open_rate_30d"] = (told["opens"] + 0.5) / (told["sent"] + 2)
        planted = self.plan.planted
        hit = (told["came"] >= self.start) if self.new_only else np.ones(len(told["lead"]), bool)
        if not self.planted:
            return told
        if "nulls" in planted:
            gone = hit & (told["luck"] < planted["nulls"])
            told["industry"] = np.where(gone, np.nan, told["industry"])
        if "factor" in planted:
            told["employees"] = np.where(
                hit, told["employees"] * planted["factor"], told["employees"]
            )
        if "constant" in planted:
            told["industry"] = np.where(hit, "software", told["industry"])
        return told

    def _moved(self) -> float:
        """How far the population has moved, 0 to 1 of the planted shift."""
        far = (self.day - self.start) / self.plan.planted.get("over", 1)
        return float(self.plan.planted.get("shift", 0.0) * np.clip(far, 0, 1))

    def _traffic(self) -> float:
        year = np.cos(2 * np.pi * self.day / 365.25 + self.phase)
        away = self.plan.season and 0 <= (self.day - self.first_holiday) % 365 < 4
        return float(WEEKDAYS[self.day % 7] * (1 + self.plan.season * year) * (0.4 if away else 1))

    def _arrive(self, count: int, age: int) -> None:
        random, moved = self.random, self._moved()
        first = int(self.leads["lead"].max()) + 1 if self.leads else 0
        lead = first + np.arange(count)
        company = lead // 2
        intent = random.normal(0, 0.7, count)
        size = np.exp(np.log(60) + 1.6 * self.sizes[company] + 1.2 * moved)
        country = COUNTRIES[random.choice(5, count, p=(0.4, 0.2, 0.2, 0.1, 0.1))]
        if self.planted and "segment" in self.plan.planted:
            country = np.where(random.random(count) < self.plan.planted["segment"], "BR", country)
        industry = INDUSTRIES[random.choice(5, count, p=(0.25, 0.2, 0.2, 0.2, 0.15))]
        stars = np.clip(np.round(random.normal(4, 0.9, count)), 1, 5)
        fresh: dict[str, Column] = {
            "lead": lead,
            "company": company,
            "came": np.full(count, self.day),
            "began": np.full(count, self.day),
            "closes": np.full(count, np.inf),
            "luck": random.random(count),
            "intent": intent,
            "level": intent + random.normal(0, 0.4, count),
            "trial": (random.random(count) < 0.5).astype(np.float64),
            "tenure_d": random.integers(0, age, count).astype(np.float64),
            "recency_d": random.uniform(0, 2, count),
            **{name: np.zeros(count) for name in _COUNTED},
            "employees": np.maximum(np.round(size), 1.0),
            "satisfaction": np.where(random.random(count) < 0.5, np.nan, stars),
            "country": country,
            "industry": industry,
            "industry_true": industry,
            "lead_source": SOURCES[random.choice(5, count, p=(0.35, 0.25, 0.1, 0.15, 0.15))],
        }
        self.leads = {
            name: np.concatenate([self.leads[name], held]) if self.leads else held
            for name, held in fresh.items()
        }


def contributions(held: Mapping[str, Column]) -> Floats:
    """What each learnt feature adds to the log-odds [leads, LEARNT]."""
    size = np.log(np.clip(held["employees"].astype(np.float64), 1, 1e5) / 60) / 1.6
    return np.column_stack(
        [
            0.35 * size,
            0.5 * (np.log1p(held["web_rate_7d"]) - 1.5),
            0.4 * (np.log1p(held["use_rate_7d"]) - 0.9),
            2.0 * (held["open_rate_30d"] - 0.3),
            np.array([_INDUSTRY.get(word, 0.0) for word in held["industry"]]),
            np.array([_SOURCE[word] for word in held["lead_source"]]),
        ]
    )
