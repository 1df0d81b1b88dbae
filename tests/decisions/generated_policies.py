"""Policies drawn at random, without faults; and the same with one fault of a known kind."""

import json
import random
from collections.abc import Callable
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple

Document = dict[str, Any]
GRADES = "ABCD"


class Planted(NamedTuple):
    """A policy with a fault: by which rule it is to be found, and what the finding must name."""

    document: Document
    rule: str
    named: str


def table(path: str, inputs: list[str], outputs: list[str], rows: list[Document]) -> Document:
    """A node; a row's keys are fields, its texts and numbers are made cells."""
    columns = {field: f"i{at}" for at, field in enumerate(inputs)}
    results = {field: f"o{at}" for at, field in enumerate(outputs)}
    cells = [
        {"_id": f"{path}-{at}", "_description": row.get("_", "")}
        | {columns[f]: row.get(f, "") for f in inputs}
        | {results[f]: json.dumps(row[f]) for f in outputs}
        for at, row in enumerate(rows)
    ]
    content = {
        "hitPolicy": "first",
        "passThrough": True,
        "outputPath": path,
        "inputs": [{"id": c, "name": f, "field": f} for f, c in columns.items()],
        "outputs": [{"id": c, "name": f, "field": f} for f, c in results.items()],
        "rules": cells,
    }
    return {"id": path, "name": path, "type": "decisionTableNode", "content": content}


class Draft:
    """A policy as the generator thinks of it: rows by field, and the regions that routing splits.

    Routing asks for the grade, an interval of one number, and perhaps a text; where `complete`, a
    row for every grade catches what is in no interval, else all of that falls to the last row.
    """

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.complete = bool(seed % 2)
        self.number = chance.choice(["profile.employees", "features.recency_d", "features.visits"])
        self.text = chance.choice(["profile.plan", "profile.country"])
        self.values = chance.sample(["basic", "pro", "team", "gold"], chance.randint(2, 3))
        self.marks = sorted(chance.sample(range(2, 400), chance.randint(3, 5)))
        self.texts = [*self.values, ""] if chance.random() < 0.6 else [""]
        self.thresholds = sorted((round(chance.uniform(0.02, 0.9), 3) for _ in "ABC"), reverse=True)
        self.eligibility = self._eligibility()
        self.routing = self._routing()
        self.next = self._next()

    def intervals(self) -> list[str]:
        """Adjacent ones, the last without an end."""
        return [*(f"[{a}..{b})" for a, b in pairwise(self.marks)), f">= {self.marks[-1]}"]

    def _eligibility(self) -> list[Document]:
        rows = [
            {"profile.outcome": "'won'", "eligible": False, "standing": "closed"},
            {"profile.consent": "'withdrawn'", "eligible": False, "standing": "closed"},
            {
                "features.ticket_recency_d": f"<= {self.chance.randint(3, 9)}",
                "eligible": True,
                "standing": "hold",
            },
            {"eligible": True, "standing": "open"},
        ]
        if self.chance.random() < 0.5:
            rows[0], rows[1] = rows[1], rows[0]
        return [row | {"rule": f"eligibility.r{at}"} for at, row in enumerate(rows)]

    def _routing(self) -> list[Document]:
        rows: list[Document] = [
            {"eligibility.standing": "'closed'", "action": "none", "queue": "none", "priority": 5},
            {"eligibility.standing": "'hold'", "action": "hold", "queue": "care", "priority": 2},
        ]
        regions = list(product(self.texts, [*self.intervals(), *[""] * self.complete]))
        for text, interval in regions:
            levels = sorted(self.chance.choices(range(1, 6), k=4))
            for grade, priority in zip(GRADES, levels, strict=True):
                row = {"grade": f"'{grade}'", self.number: interval, "priority": priority}
                row |= {self.text: f"'{text}'"} if text else {}
                action = "contact" if grade in "AB" else "nurture"
                rows.append(row | {"action": action, "queue": f"q{self.chance.randint(1, 4)}"})
        rows[2:] = sorted(rows[2:], key=lambda r: r[self.number] == "")
        rows[2:] = sorted(rows[2:], key=lambda r: r.get(self.text, "") == "")
        rows.append({"action": "nurture", "queue": "rest", "priority": 5})
        return [row | {"rule": f"routing.r{at}"} for at, row in enumerate(rows)]

    def _next(self) -> list[Document]:
        recent = f"<= {self.chance.randint(2, 30)}"
        rows: list[Document] = [
            {"routing.action": "'contact'", "features.demo_recency_d": recent, "step": "call"},
            {"routing.action": "'contact'", "step": "write"},
            {"routing.action": "'nurture'", "features.demo_recency_d": recent, "step": "invite"},
            {"step": "wait"},
        ]
        return [
            {"rule": f"next.r{at}", "next_best_action": row.pop("step"), **row, "_": f"step {at}"}
            for at, row in enumerate(rows)
        ]

    def document(self) -> Document:
        """The policy's file."""
        standing = ["profile.outcome", "profile.consent", "features.ticket_recency_d"]
        routing = ["eligibility.standing", "grade", self.number, self.text]
        extra = ["account_known"] if any("account_known" in r for r in self.routing) else []
        self.chance.shuffle(routing)
        tables = [
            table("eligibility", [*standing, *_others(self.eligibility, standing)],
                  ["eligible", "standing", "rule"], self.eligibility),
            table("routing", [*routing, *extra], ["action", "queue", "priority", "rule"],
                  self.routing),
            table("next", ["routing.action", "features.demo_recency_d", "grade"],
                  ["next_best_action", "rule"], self.next),
        ]  # fmt: skip
        answer = {
            "eligible": "eligibility.eligible", "action": "routing.action",
            "queue": "routing.queue", "priority": "routing.priority",
            "next_best_action": "next.next_best_action",
            "rules": "[eligibility.rule, routing.rule, next.rule]",
        }  # fmt: skip
        lines = [{"id": k, "key": k, "value": v} for k, v in answer.items()]
        nodes = [
            {"id": "facts", "name": "", "type": "inputNode", "content": {}}, *tables,
            {"id": "answer", "name": "", "type": "expressionNode",
             "content": {"expressions": lines}},
            {"id": "end", "name": "", "type": "outputNode"},
        ]  # fmt: skip
        ids = [node["id"] for node in nodes]
        edges = [{"id": f"e{a}", "sourceId": a, "targetId": b} for a, b in pairwise(ids)]
        return {
            "name": "drawn",
            "version": "1",
            "grades": dict(zip("ABC", self.thresholds, strict=True)),
            "complete": ["routing"] if self.complete else [],
            "decision": {"nodes": nodes, "edges": edges},
        }


def _others(rows: list[Document], known: list[str]) -> list[str]:
    found = dict.fromkeys(f for row in rows for f in row if "." in f or f == "account_known")
    return [field for field in found if field not in known]


def clean(seed: int) -> Document:
    """A policy without a fault."""
    return Draft(seed).document()


def never_fires(seed: int) -> Planted:
    """A narrower row after a wider one, or one for an action that its grade never gets."""
    draft = Draft(seed)
    if seed % 3 == 0:
        row = {"routing.action": "'contact'", "grade": "'D'", "next_best_action": "gift"}
        draft.next.insert(0, row | {"rule": "next.never"})
        return Planted(draft.document(), "policy-row-reachable", "next.never")
    at = draft.chance.randrange(2, len(draft.routing) - 1)
    row = draft.routing[at] | {"rule": "routing.never", "account_known": "true", "queue": "q9"}
    draft.routing.insert(draft.chance.randrange(at + 1, len(draft.routing)), row)
    return Planted(draft.document(), "policy-row-reachable", "routing.never")


def overlap(seed: int) -> Planted:
    """A row whose interval begins within another's and ends beyond it, with another outcome."""
    draft = Draft(seed)
    bounded = [i for i, r in enumerate(draft.routing) if "[" in r.get(draft.number, "")]
    at = draft.chance.choice(bounded)
    low, high = map(int, draft.routing[at][draft.number].strip("[)").split(".."))
    wide = f"[{(low + high) / 2}..{high + 0.5})"
    row = draft.routing[at] | {draft.number: wide, "rule": "routing.over", "queue": "q8"}
    draft.routing.insert(at + 1, row)
    return Planted(draft.document(), "policy-overlap", "routing.over")


def gap(seed: int) -> Planted:
    """An interval that ends before the next one begins, or no row for what is in no interval."""
    draft = Draft(seed)
    if draft.complete:
        rest = [i for i, r in enumerate(draft.routing[:-1]) if "grade" in r and not r[draft.number]]
        wide = [i for i in rest if not draft.routing[i].get(draft.text)]
        draft.routing.pop(draft.chance.choice(wide))
        return Planted(draft.document(), "policy-gap", draft.routing[-1]["rule"])
    wide = [i for i, r in enumerate(draft.routing) if not r.get(draft.text)]
    at = draft.chance.choice([i for i in wide if "[" in draft.routing[i].get(draft.number, "")])
    low, high = map(int, draft.routing[at][draft.number].strip("[)").split(".."))
    # a number that no row names, or the end itself
    draft.routing[at][draft.number] = draft.chance.choice(
        [f"[{low}..{high - 0.5})", f"[{low}..{high - 0.25}]"]
    )
    return Planted(draft.document(), "policy-gap", draft.routing[at]["rule"])


def falls(seed: int) -> Planted:
    """A priority of a better grade that is after the worse one's."""
    draft = Draft(seed)
    rows = [r for r in draft.routing if "grade" in r and r["grade"] != "'D'"]
    row = draft.chance.choice(rows)
    worse = GRADES[GRADES.index(row["grade"].strip("'")) + 1]
    same = {f: row.get(f, "") for f in (draft.number, draft.text)}
    below = next(
        r for r in draft.routing
        if r.get("grade") == f"'{worse}'" and {f: r.get(f, "") for f in same} == same
    )  # fmt: skip
    below["priority"] = min(below["priority"], 4)
    row["priority"] = below["priority"] + 1
    return Planted(draft.document(), "policy-monotone", row["rule"])


def consent(seed: int) -> Planted:
    """A row before that of consent, one of consent that asks for more, or that lets through."""
    draft = Draft(seed)
    at = next(i for i, r in enumerate(draft.eligibility) if "profile.consent" in r)
    if seed % 3 == 0:
        row = {"features.visits": "> 3", "eligible": True, "standing": "open"}
        draft.eligibility.insert(0, row | {"rule": "eligibility.keen"})
        return Planted(draft.document(), "policy-consent", "eligibility.keen")
    if seed % 3 == 1:
        draft.eligibility[at]["account_known"] = "true"
        return Planted(draft.document(), "policy-consent", "eligibility.r")
    draft.eligibility[at] |= {"eligible": True, "standing": "open"}
    return Planted(draft.document(), "policy-consent", draft.eligibility[at]["rule"])


def demand_of(draft: Draft) -> tuple[Document, dict[str, dict[str, tuple[float, Any]]]]:
    """A demand, and the same as (share, a value that stands for it), what is left included."""
    tests: dict[str, dict[str, tuple[float, Any]]] = {
        "grade": {f"'{g}'": (0.0, g) for g in GRADES},
        draft.number: {i: (0.0, float(i.strip("[>= ").split("..")[0])) for i in draft.intervals()},
        draft.text: {f"'{v}'": (0.0, v) for v in draft.values},
    }
    for fact, of in tests.items():
        weights = [draft.chance.uniform(0.1, 1) for _ in range(len(of) + (fact != "grade"))]
        total = sum(weights)
        for test, weight in zip(list(of), weights, strict=False):
            of[test] = (weight / total, of[test][1])
        if fact != "grade":
            of[""] = (weights[-1] / total, None)
    shares = {fact: {t: s for t, (s, _) in of.items() if t} for fact, of in tests.items()}
    return {"leads_per_day": float(draft.chance.randint(50, 5000)), "shares": shares}, tests


Route = Callable[[Document], str]
"""The queue that a policy gives to facts by their names."""


def loads(draft: Draft, route: Route) -> tuple[Document, dict[str, float]]:
    """A demand, and how many leads a day it brings to each queue: every combination is asked."""
    demand, tests = demand_of(draft)
    expected: dict[str, float] = {}
    for combination in product(*(of.values() for of in tests.values())):
        share = prod(one for one, _ in combination)
        queue = route(dict(zip(tests, (value for _, value in combination), strict=True)))
        expected[queue] = expected.get(queue, 0.0) + share * demand["leads_per_day"]
    return demand, expected


def with_capacities(draft: Draft, demand: Document, capacities: dict[str, float]) -> Document:
    """The policy with a demand, and with queues that can take so many leads a day."""
    names = {row["queue"] for row in draft.routing}
    terms = {n: {"capacity_per_day": capacities.get(n, 0.0)} for n in sorted(names)}
    return draft.document() | {"queues": terms, "demand": demand}


KINDS: dict[str, Callable[[int], Planted]] = {
    "never fires": never_fires,
    "overlap": overlap,
    "gap": gap,
    "falls": falls,
    "consent": consent,
}
