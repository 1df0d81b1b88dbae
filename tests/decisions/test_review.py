"""What a policy probably does not mean is found and named, whichever row it stands in.

Each kind of slip is made everywhere in the standard policy where it can be made.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from decisions.expressions.spelling import alike, distance
from decisions.policy.policy import check_policy
from domain.errors import BadInput
from feature_repo.catalogue import category_names, number_names
from feature_repo.standard import standard_service
from tests.spread import spread

Document = dict[str, Any]
Slip = tuple[str, Document, str]
"""Which rule a finding must break, the document, and what the finding must name."""

STANDARD = Path(__file__).parents[2] / "decisions" / "policies" / "standard.json"
BASE: Document = json.loads(STANDARD.read_text())
KNOWN = {*number_names(standard_service()), *category_names(standard_service())}
TABLES = [n for n in BASE["decision"]["nodes"] if n["type"] == "decisionTableNode"]


def changed(table: Document) -> tuple[Document, Document]:
    """A copy of the standard policy, and a table's content in it."""
    document = copy.deepcopy(BASE)
    at = BASE["decision"]["nodes"].index(table)
    return document, document["decision"]["nodes"][at]["content"]


def out(table: Document, field: str) -> str | None:
    outputs = table["content"]["outputs"]
    return next((c["id"] for c in outputs if c["field"] == field), None)


def rows() -> Iterator[tuple[Document, int, str]]:
    for table in TABLES:
        held = out(table, "rule")
        assert held is not None
        for at, row in enumerate(table["content"]["rules"][:-1]):
            yield table, at, row[held].strip('"')


def duplicates() -> Iterator[Slip]:
    for table, at, rule in rows():
        document, content = changed(table)
        twin = content["rules"][at] | {out(table, "rule"): f'"{rule}_again"'}
        content["rules"].insert(at + 1, twin)
        yield "policy-row-reachable", document, f"{rule}_again"


def narrower() -> Iterator[Slip]:
    """A row after a wider one: whoever it is for has been caught."""
    for table, at, rule in rows():
        row = table["content"]["rules"][at]
        free = [c for c in table["content"]["inputs"] if not row.get(c["id"])]
        numeric = [c for c in free if c["field"].startswith("features.")]
        if not numeric:
            continue
        document, content = changed(table)
        late = {numeric[0]["id"]: "[2..3)", out(table, "rule"): f'"{rule}_late"'}
        content["rules"].insert(at + 1, row | late)
        yield "policy-row-reachable", document, f"{rule}_late"


def strange_grades() -> Iterator[Slip]:
    for table, at, rule in rows():
        for column in table["content"]["inputs"]:
            if column["field"] == "grade" and table["content"]["rules"][at].get(column["id"]):
                for test in ("'E'", "'a'", "'A', 'F'", "in ['B', 'E']", "!= 'AA'"):
                    document, content = changed(table)
                    content["rules"][at][column["id"]] = test
                    yield "policy-value-known", document, rule


def slips(word: str) -> list[str]:
    """A letter left out, two swapped, one too many, other case, another separator."""
    made = [word[:2] + word[3:], word[:1] + word[2] + word[1] + word[3:], word + "s"]
    return [w for w in {*made, word.upper(), word.replace("_", " ")} if w != word]


def misspelt(field: str, *, declared: bool) -> Iterator[Slip]:
    for table, at, rule in rows():
        if (held := out(table, field)) is None:
            continue
        for wrong in slips(table["content"]["rules"][at][held].strip('"')):
            document, content = changed(table)
            content["rules"][at][held] = json.dumps(wrong)
            if not declared:
                document.pop("queues")
            told = rule if field != "action" else wrong
            expected = "policy-queue-known" if declared else "policy-"
            yield expected, document, told


def lost() -> Iterator[Slip]:
    for table, at, rule in rows():
        document, content = changed(table)
        del content["rules"][at]
        yield "policy-rule-gone", document, rule


def no_facts() -> Iterator[Slip]:
    for table in TABLES:
        for at, column in enumerate(table["content"]["inputs"]):
            root, _, name = column["field"].partition(".")
            if not name or root not in ("profile", "features") or name == "outcome":
                continue
            for wrong in (name[:-1], f"{name}s", name.upper(), "budget"):
                document, content = changed(table)
                content["inputs"][at]["field"] = f"{root}.{wrong}"
                yield "policy-fact-known", document, f"{root}.{wrong}"


def never() -> Iterator[Slip]:
    for table, at, rule in rows():
        for column in table["content"]["inputs"]:
            test = {"grade": "'A' and 'B'", "account_known": "'yes'"}.get(column["field"])
            if column["field"].startswith("features."):
                test = "> 30 and < 7"
            if test is None or column["field"] == "grade":
                continue
            document, content = changed(table)
            content["rules"][at][column["id"]] = test
            yield "policy-row-reachable", document, rule


KINDS: dict[str, Callable[[], Iterator[Slip]]] = {
    "duplicate": duplicates,
    "narrower": narrower,
    "grade": strange_grades,
    "declared queue": lambda: misspelt("queue", declared=True),
    "queue": lambda: misspelt("queue", declared=False),
    "action": lambda: misspelt("action", declared=False),
    "lost rule": lost,
    "no fact": no_facts,
    "never": never,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_slip_is_found_wherever_it_is_made(kind: str, tmp_path: Path) -> None:
    path, made, unfound = tmp_path / "p.json", list(KINDS[kind]()), []
    assert len(made) >= 10
    for rule, document, named in spread(made, 12):
        path.write_text(json.dumps(document))
        found = check_policy(path, KNOWN, STANDARD)
        if not any(f.rule.startswith(rule) and named in f"{f.where} {f.what}" for f in found):
            unfound.append((named, found))
    assert unfound == []


@pytest.mark.parametrize("name", ["standard", "generic"])
def test_of_the_policies_that_come_along_nothing_is_said(policies: Path, name: str) -> None:
    path = policies / f"{name}.json"
    assert check_policy(path, KNOWN, path) == []


def test_what_is_retired_on_purpose_is_not_missed(tmp_path: Path) -> None:
    document, content = changed(TABLES[1])
    gone = content["rules"].pop(4)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    (found,) = check_policy(path, KNOWN, STANDARD)
    assert "routing.a_enterprise_global" in found.what, "where its leads fall"
    assert "'apac'" in found.what, "and for example which"
    document["retired"] = [gone["o4"].strip('"')]
    path.write_text(json.dumps(document))
    assert check_policy(path, KNOWN, STANDARD) == []


def test_a_rule_under_another_identifier_is_not_missed(tmp_path: Path) -> None:
    document, content = changed(TABLES[1])
    content["rules"][4]["o4"] = '"routing.a_large_apac"'
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    assert check_policy(path, KNOWN, STANDARD) == []


def test_values_that_are_told_apart_for_nobody(tmp_path: Path) -> None:
    """Without an earlier policy beside it, a lost rule leaves two standings alike."""
    document, content = changed(TABLES[1])
    del content["rules"][0]
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    found = check_policy(path, KNOWN)
    (missing,) = (f.what for f in found if f.rule == "policy-rule-missing")
    assert "'closed', 'open' of 'eligibility.standing'" in missing


def test_rows_that_cover_one_together(tmp_path: Path) -> None:
    document, content = changed(TABLES[1])
    for at, known in enumerate(("true", "false")):
        row = {"i2": "'C'", "i4": known, "o1": '"nurture"', "o2": '"nurture"', "o3": "4"}
        content["rules"].insert(2 + at, row | {"o4": f'"routing.c_{known}"'})
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    hidden = [f for f in check_policy(path) if f.rule == "policy-row-reachable"]
    assert len(hidden) == 3
    assert "rows before it together catch all" in " ".join(f.what for f in hidden)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("customer_care", "custmer_care", True), ("nurture", "Nurture", True),
        ("self_serve", "selfserve", True), ("tier_1", "tier_2", False),
        ("team_a", "team_b", False), ("sales_uk", "sales_us", False), ("call", "mail", False),
        ("enterprise_emea", "enterprise_apac", False), ("send_email", "send_proposal", False),
    ],
)  # fmt: skip
def test_slips_and_names_of_their_own(one: str, other: str, expected: bool) -> None:
    assert alike(one, other) is alike(other, one) is expected


def test_distances() -> None:
    assert [distance("abcd", other) for other in ("abcd", "abdc", "abc", "xbcd", "")] == [
        0, 1, 1, 1, 4,
    ]  # fmt: skip


def test_grades_that_no_lead_has_are_found_in_every_table(tmp_path: Path) -> None:
    from config.settings import Settings
    from wiring.policies import reviewed

    home = Settings(home=tmp_path)
    assert reviewed(home, STANDARD) == reviewed(home, STANDARD, ["A", "B", "C", "D"]) == []
    for gone in "ABCD":
        asked = [
            row
            for table in TABLES
            for column in table["content"]["inputs"]
            if column.get("field") == "grade"
            for row in table["content"]["rules"]
            if f"'{gone}'" in row.get(column["id"], "").replace('"', "'")
        ]
        found = reviewed(home, STANDARD, [g for g in "ABCD" if g != gone])
        named = [one for one in found if f"'grade' is never '{gone}'" in one.what]
        assert len(named) == len(asked) > 0
    for bad in ([], ["E"], ["A", "e"], [""]):
        with pytest.raises(BadInput, match="a policy gives A, B, C, D"):
            reviewed(home, STANDARD, bad)
