"""Whom effects reach: `connectors.yaml`, its types, and how it is read."""

from pathlib import Path
from typing import Annotated

import msgspec

from config.home_files import rules_file
from config.secret_places import VariableName
from config.settings import Settings
from domain.errors import BadConfiguration
from domain.identifiers import IdentifierKind
from storage.config_numbers import FileVersion, PositiveDays
from storage.typed_yaml import read_typed
from workflow.connectors.address_guard import Network, networks
from workflow.effect import EffectName
from workflow.outbox.retries import RetryLimits

STANDARD_FILE = Path(__file__).with_name("connectors.yaml")
TODO = "docs/effects.md tells every key."

FieldName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")]
FieldMap = Annotated[dict[EffectName, FieldName], msgspec.Meta(min_length=1, max_length=50)]
WebAddress = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s@]+$", max_length=2_048)]
REQUESTS_A_LEASE = 4
"""A lease outlasts so many requests at least."""


class RecordRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the id of a lead's record at a CRM is found.

    `field` is a field of the effect that holds it; `identifier` a kind of the lead's identifiers,
    of which the strongest evidence counts.
    """

    field: EffectName | None = None
    identifier: IdentifierKind | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that says nothing, or two things."""
        _one_of(self, "field", "identifier")


class WebhookRule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="webhook",
    tag_field="kind",
):
    """Each effect as a message, signed by the Standard Webhooks specification.

    `address` is where to, or `address_variable` or `address_file` where the address is a secret
    too. The signing secret, `whsec_` and base64, is in `secret_variable` or `secret_file`; while
    one is replaced by another it holds both, a space between.
    """

    address: WebAddress | None = None
    address_variable: VariableName | None = None
    address_file: str | None = None
    secret_variable: VariableName | None = None
    secret_file: str | None = None
    at_once: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4

    def __post_init__(self) -> None:
        """Refuse a connector that lacks an address or a secret."""
        _one_of(self, "address", "address_variable", "address_file")
        _one_of(self, "secret_variable", "secret_file")


class FileRule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="file",
    tag_field="kind",
):
    """Each effect as a line of JSON, a file a day, in a folder seen from the home."""

    folder: str = "effects"


class MessageRule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="message",
    tag_field="kind",
):
    """E-mail, Slack and every other service that Apprise knows; the address is a secret.

    `show` are fields of the effect that the message tells, none: all of them. Such services cannot
    say whether they have a message already. One that a process had begun when it died is sent again
    where `send_again_in_doubt` says so, and may come twice; else it is a dead letter, and a person
    decides.
    """

    url_variable: VariableName | None = None
    url_file: str | None = None
    show: tuple[EffectName, ...] = ()
    send_again_in_doubt: bool = False

    def __post_init__(self) -> None:
        """Refuse a connector without an address, or with two."""
        _one_of(self, "url_variable", "url_file")


class HubSpotRule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="hubspot",
    tag_field="kind",
):
    """Properties of HubSpot's records, a hundred a request.

    The token of a private app is in `token_variable` or `token_file`. `fields` is from fields of
    the effect to properties, `values` from a field to what its values are called there.
    `id_property` is the unique property that `record` gives, HubSpot's own id where left out.
    """

    record: RecordRule
    fields: FieldMap
    token_variable: VariableName | None = None
    token_file: str | None = None
    objects: FieldName = "contacts"
    id_property: FieldName | None = None
    values: dict[EffectName, dict[str, str]] = {}
    address: WebAddress = "https://api.hubapi.com"

    def __post_init__(self) -> None:
        """Refuse a connector without a token, or with two."""
        _one_of(self, "token_variable", "token_file")


class SalesforceRule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="salesforce",
    tag_field="kind",
):
    """Fields of Salesforce's records, two hundred a request.

    `address` is that of the organisation, `client_id` that of its connected app for the client
    credentials flow, whose secret is in `secret_variable` or `secret_file`. `fields` is from
    fields of the effect to fields of `objects`, `values` from a field to what its values are
    called there.
    """

    address: WebAddress
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    record: RecordRule
    fields: FieldMap
    secret_variable: VariableName | None = None
    secret_file: str | None = None
    objects: FieldName = "Lead"
    values: dict[EffectName, dict[str, str]] = {}

    def __post_init__(self) -> None:
        """Refuse a connector without a secret, or with two."""
        _one_of(self, "secret_variable", "secret_file")


ConnectorRule = WebhookRule | FileRule | MessageRule | HubSpotRule | SalesforceRule


class ConnectorRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `connectors.yaml`.

    One request may take `timeout_seconds`. What a worker that died had begun is begun again after
    `lease_seconds`, which is at least four requests' time. What was delivered or dropped is
    remembered for `keep_days`, and within these not done again under the same key.
    `private_networks` (CIDR) may be reached though they are not public, by http:// too.
    """

    version: FileVersion
    timeout_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=120)] = 10.0
    lease_seconds: Annotated[float, msgspec.Meta(ge=0.4, le=3_600)] = 120.0
    keep_days: PositiveDays = 90.0
    retries: RetryLimits = RetryLimits()
    private_networks: tuple[str, ...] = ()
    connectors: dict[EffectName, ConnectorRule] = {}

    def __post_init__(self) -> None:
        """Refuse networks that are none, and a lease that one request may outlast."""
        try:
            networks(self.private_networks)
        except ValueError:
            raise _bad("private_networks", "a network is none, such as 10.0.0.0/8") from None
        if self.lease_seconds < REQUESTS_A_LEASE * self.timeout_seconds:
            what = (
                f"lease_seconds == {self.lease_seconds:g}, must be {REQUESTS_A_LEASE} times "
                "timeout_seconds at least"
            )
            raise _bad("lease_seconds", what)

    @property
    def private(self) -> tuple[Network, ...]:
        """The networks that may be reached though they are not public."""
        return networks(self.private_networks)


def _bad(name: str, what: str) -> BadConfiguration:
    return BadConfiguration(what, rule="connectors", key=f"$.{name}", todo=TODO)


def _one_of(struct: msgspec.Struct, *names: str) -> None:
    if sum(getattr(struct, name) is not None for name in names) != 1:
        raise ValueError(f"needs one of {' and '.join(names)}")


def load_connectors(settings: Settings) -> ConnectorRules:
    """The home's own rules, or the standard ones, which have none. Raises BadConfiguration."""
    return read_typed(rules_file(settings, STANDARD_FILE), ConnectorRules, "connectors", todo=TODO)
