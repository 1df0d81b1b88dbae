"""What callers may send: the bodies and queries of the service, their limits, their decoding."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from domain.clock import parse_iso, to_us
from domain.decisions import DecisionQuery
from domain.errors import BadInput, Missing
from domain.identifiers import IdentifierKind, accounts_named
from domain.redaction import without_values
from domain.what_if import WhatIfRequest
from serving.problems import MalformedBody
from workflow.actions import WorkflowLeadKey

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Bodies above this size are refused unread."""
MAX_BATCH = 1_000
"""Leads in one `POST /score_batch`."""
MAX_EVENTS = 5_000
"""Events in one `POST /events`."""
MAX_PAGE = 1_000
"""Leads in one page of `GET /leads`."""
MAX_DECISIONS = 200
"""Decisions in one page of `GET /decisions`; each is some kilobytes."""

NO_NUL = r"^[^\u0000]*$"
"""PostgreSQL refuses any text with a NUL, as if it were the database's fault."""
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=NO_NUL)]
Moment = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
        extra_json_schema={"format": "date-time"},
    ),
]
LeadKey = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
IdentifierValue = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
KINDS = frozenset(kind.value for kind in IdentifierKind)


class ScoreRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lead to be scored: either its id, or identifiers of it by kind, not both."""

    lead_id: LeadKey | None = None
    identifiers: Annotated[dict[str, IdentifierValue], msgspec.Meta(min_length=1)] | None = None


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The leads to be scored together."""

    lead_ids: Annotated[list[LeadKey], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class EventsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events to be taken in. One that breaks its contract is quarantined and fails no other."""

    events: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)]


class LeadsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which leads to list, and how many at a time.

    `status`: a lead is decided once an outcome closed it. `account` is an account's id, or its
    domain or CRM id.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=512)] | None = None
    grade: Literal["A", "B", "C", "D"] | None = None
    queue: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)] | None = None
    min_score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    status: Literal["open", "decided", "all"] = "open"
    account: Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=NO_NUL)] | None = (
        None
    )
    eligible: bool | None = None


class StandingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lead whose place in its workflow is wanted."""

    lead_id: WorkflowLeadKey


class DecisionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which recorded decisions to list, newest first, and how many at a time.

    `account` is an account's id, or its domain or CRM id; `since` is included, `until` is not;
    `version` is the model's, `rule` one of the policy's rules that decided.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_DECISIONS)] = 50
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    lead_id: Short | None = None
    account: Short | None = None
    since: Moment | None = None
    until: Moment | None = None
    version: Short | None = None
    policy: Short | None = None
    grade: Literal["A", "B", "C", "D"] | None = None
    action: Short | None = None
    rule: Short | None = None

    def decisions(self) -> DecisionQuery:
        """The decisions that are asked for. Raises BadInput."""
        return DecisionQuery(
            leads=None if self.lead_id is None else (self.lead_id,),
            accounts=None if self.account is None else tuple(accounts_named(self.account)),
            since_us=None if self.since is None else _moment(self.since),
            until_us=None if self.until is None else _moment(self.until),
            version=self.version,
            policy=self.policy,
            grade=self.grade,
            action=self.action,
            rule=self.rule,
        )


T = TypeVar("T")


def decode(kind: type[T], body: bytes) -> T:
    """A request from its JSON body.

    Raises MalformedBody where it is no JSON in UTF-8, BadInput where it is not of the kind.
    """
    try:
        body.decode()
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as bad:
            # what is wrong with its start says nothing of whether the rest is JSON
            msgspec.json.decode(body)
            raise BadInput(without_values(str(bad)), rule="body-valid") from None
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        raise MalformedBody(
            "The body is not well-formed JSON in UTF-8.", rule="json-well-formed"
        ) from None


def query(pairs: Iterable[tuple[str, str]], kind: type[T]) -> T:
    """A query from the pairs of a URL. Raises BadInput."""
    named: dict[str, Any] = {}
    for name, value in pairs:
        if name in named:
            raise BadInput("A parameter is given twice.", rule="query-valid")
        named[name] = value
    try:
        return msgspec.convert(named, kind, strict=False)
    except msgspec.ValidationError as bad:
        raise BadInput(without_values(str(bad)), rule="query-valid") from None


def _moment(text: str) -> int:
    """Microseconds since 1970. Raises BadInput for a day or hour that there is not."""
    try:
        return to_us(parse_iso(text))
    except (ValueError, OverflowError):
        raise BadInput("A moment does not exist.", rule="query-valid") from None


def decision_key(wanted: str | None) -> str:
    """The id of a decision, from a path. Raises Missing where there can be none."""
    if not wanted or "\0" in wanted:
        raise Missing("There is no such decision.", rule="unknown-decision")
    return wanted


def check_choice(body: ScoreRequest | WhatIfRequest) -> None:
    """Raise BadInput unless exactly one of lead_id and identifiers is given, of known kinds."""
    if (body.lead_id is None) == (body.identifiers is None):
        raise BadInput(
            "Exactly one of lead_id and identifiers must be given.", rule="lead-or-identifiers"
        )
    if body.identifiers is not None and not body.identifiers.keys() <= KINDS:
        raise BadInput(
            f"The kinds of identifier are {', '.join(sorted(KINDS))}.", rule="identifier-kind"
        )
