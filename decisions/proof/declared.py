"""A policy beside what it declares: types of its inputs and outputs, and nothing personal in it."""

import re
from collections.abc import Iterator

from decisions.expressions.syntax import parse
from decisions.policy.declarations import InputType
from decisions.policy.expression_checks import named_facts, read_by
from decisions.policy.jdm import TABLE, Graph, cell, column, row_name
from decisions.policy.lint import PolicyFinding
from decisions.policy.table_axes import literals
from decisions.proof.conditions import CellCondition
from decisions.proof.subject import Subject
from domain.redaction import redacted

PERSONAL = re.compile(
    r"(^|_)(e_?mail|mail|phone|telephone|mobile|fax|(first|last|full|family|given|middle|maiden|user)"
    r"_?name|name|surname|address|street|zip|postcode|postal_code|birth\w*|born|age|gender|sex"
    r"|religion|ethnicity|race|nationality|passport|ssn|iban|ip|cookie|linkedin|twitter)($|_)"
)
"""Names of attributes that say who somebody is, or what nobody may be treated by."""
_COMPANY = re.compile(r"(^|_)(company|account|domain|product|plan|event|industry|city)_?name($|_)")


def is_personal(name: str) -> bool:
    """Whether an attribute of that name is of a person.

    >>> [is_personal(name) for name in ("email", "first_name", "company_name", "page_views")]
    [True, True, False, False]
    """
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return bool(PERSONAL.search(plain)) and not _COMPANY.search(plain)


def personal(graph: Graph, description: str = "") -> Iterator[PolicyFinding]:
    """Inputs that are personal, and texts that hold what may be an address or telephone number."""
    for name in sorted(named_facts(graph)):
        if is_personal(name.rpartition(".")[2]):
            what = f"{name!r} is personal: a policy decides by what a lead does, not by who it is"
            yield PolicyFinding(rule="policy-personal", where="the facts", what=what)
    for where, text in _texts(graph, description):
        if redacted(text) != text:
            what = "it holds what may be an e-mail address or a telephone number: leave it out"
            yield PolicyFinding(rule="policy-personal", where=where, what=what)


def _texts(graph: Graph, description: str) -> Iterator[tuple[str, str]]:
    """All texts of a policy with their places: what authors say, and literals."""
    yield "the description", description
    for node in graph.nodes:
        for part, text, unary in read_by(node):
            for value in literals(parse(text, unary=unary)):
                if isinstance(value, str):
                    yield f"node {node.id!r}, {part}", value
        for at, row in enumerate(node.content.rules if node.type == TABLE else ()):
            where = row_name(node, at)
            yield f"{where}, description", row.get("_description", "")
            for output in node.content.outputs:
                result = cell(row, output.id)
                if isinstance(result, str):
                    yield f"{where}, column {output.name or output.field!r}", result


def types(subject: Subject) -> Iterator[PolicyFinding]:
    """Facts that are read and not declared, tests that do not fit a type, results of another."""
    declared = subject.declared.inputs
    read = named_facts(subject.graph) - subject.reading.results.keys() - subject.reading.keys.keys()
    for name in sorted(read - declared.keys() if declared else ()):
        what = f"{name!r} is read, and not among the declared `inputs`"
        yield PolicyFinding(rule="policy-input", where="the facts", what=what)
    for condition in subject.reading.conditions:
        if condition.field in declared:
            yield from _input(subject, condition, declared[condition.field])
    yield from _outputs(subject)


def _input(subject: Subject, condition: CellCondition, of: InputType) -> Iterator[PolicyFinding]:
    table = next(t for t in subject.tables if t.id == condition.table)
    for value in literals(parse(condition.test, unary=True)):
        fits = type(value) is float if of.type == "number" else of.holds(value)
        if not fits and value != "":
            what = f"{condition.field!r} is {of}, and the test {condition.test!r} names {value!r}"
            yield PolicyFinding(
                rule="policy-input", where=row_name(table, condition.row), what=what
            )


def _outputs(subject: Subject) -> Iterator[PolicyFinding]:
    for key, of in subject.declared.outputs.items():
        path, _, name = subject.answer.get(key, "").partition(".")
        table = next((t for t in subject.tables if t.content.output_path == path), None)
        if table is None:
            what = f"{key!r} is declared among the `outputs`, and no part of the decision"
            yield PolicyFinding(rule="policy-output", where="the decision", what=what)
            continue
        for at, row in enumerate(table.content.rules):
            value = cell(row, column(table, name))
            if not of.holds(float(value) if type(value) is int else value):  # type: ignore[arg-type]
                what = f"{key} is {value!r}, must be {of}"
                yield PolicyFinding(rule="policy-output", where=row_name(table, at), what=what)
