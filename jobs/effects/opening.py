"""Connectors as the home's rules have them, with their secrets."""

from config.secret_places import SecretPlace
from config.settings import Settings
from domain.clock import SystemClock
from jobs.effects.record_ids import KnownValues, record_ids
from jobs.effects.rules import (
    ConnectorRule,
    ConnectorRules,
    FileRule,
    HubSpotRule,
    MessageRule,
    RecordRule,
    SalesforceRule,
    WebhookRule,
)
from workflow.connectors.connector import EffectConnector
from workflow.connectors.crm_fields import CrmMapping
from workflow.connectors.guarded_http import GuardedHttp
from workflow.connectors.hubspot import HubSpotConnector
from workflow.connectors.json_lines import JsonLinesConnector
from workflow.connectors.salesforce import SalesforceConnector
from workflow.connectors.webhook import WebhookConnector, signing_keys


class ConnectorOpener:
    """Opens the connectors of one home by name."""

    def __init__(self, settings: Settings, rules: ConnectorRules, values_of: KnownValues) -> None:
        self._settings = settings
        self._rules = rules
        self._values_of = values_of

    def open(self, name: str) -> EffectConnector:
        """A connector. Raises Missing, BadConfiguration for its secrets or its address."""
        rule = self._rules.connectors[name]
        match rule:
            case WebhookRule():
                return self._webhook(name, rule)
            case FileRule():
                return JsonLinesConnector(self._settings.home / rule.folder, name)
            case MessageRule():
                return self._messages(name, rule)
            case HubSpotRule():
                return self._hubspot(name, rule)
            case SalesforceRule():
                return self._salesforce(name, rule)

    def patience_s(self, name: str) -> float:
        """How long a claim's deliveries may take: half a lease, that none outlasts it."""
        from jobs.effects.message_connector import patience_s

        if isinstance(self._rules.connectors[name], MessageRule):
            return max(self._rules.lease_seconds - patience_s(self._rules.timeout_seconds), 0.0)
        return self._rules.lease_seconds / 2

    def _webhook(self, name: str, rule: WebhookRule) -> WebhookConnector:
        address = rule.address or _secret(
            name, rule.address_variable, rule.address_file, "no address"
        )
        secret = _secret(name, rule.secret_variable, rule.secret_file, "no signing secret")
        keys = signing_keys(f"connector {name}", secret)
        return WebhookConnector(self._http(name, address), keys, SystemClock(), rule.at_once)

    def _messages(self, name: str, rule: MessageRule) -> EffectConnector:
        from jobs.alerts.sender import ChannelSender  # Apprise is an extra's
        from jobs.effects.message_connector import MessageConnector

        address = _secret(name, rule.url_variable, rule.url_file, "no address")
        sender = ChannelSender(name, address, self._rules.timeout_seconds)
        return MessageConnector(sender, rule.show, send_again_in_doubt=rule.send_again_in_doubt)

    def _hubspot(self, name: str, rule: HubSpotRule) -> HubSpotConnector:
        token = _secret(name, rule.token_variable, rule.token_file, "no token")
        return HubSpotConnector(
            self._http(name, rule.address),
            token,
            self._mapping(rule, rule.record),
            objects=rule.objects,
            id_property=rule.id_property,
        )

    def _salesforce(self, name: str, rule: SalesforceRule) -> SalesforceConnector:
        secret = _secret(name, rule.secret_variable, rule.secret_file, "no client secret")
        return SalesforceConnector(
            self._http(name, rule.address),
            rule.client_id,
            secret,
            self._mapping(rule, rule.record),
            objects=rule.objects,
        )

    def _mapping(self, rule: HubSpotRule | SalesforceRule, record: RecordRule) -> CrmMapping:
        return CrmMapping(rule.fields, rule.values, record_ids(record, self._values_of))

    def _http(self, name: str, address: str) -> GuardedHttp:
        return GuardedHttp(
            f"connector {name}",
            address,
            timeout_s=self._rules.timeout_seconds,
            private=self._rules.private,
        )


def _secret(name: str, variable: str | None, file: str | None, what: str) -> str:
    return SecretPlace(
        owner=f"connector {name}",
        variable=variable,
        file=file,
        what=what,
        rule="connector-secret",
        todo_variable="Set {where} in the environment of whoever delivers.",
        todo_file="Put it into {where}, alone on one line.",
    ).read()


def kind_of(rule: ConnectorRule) -> str:
    """The kind of a connector, as its file has it."""
    return str(type(rule).__struct_config__.tag)
