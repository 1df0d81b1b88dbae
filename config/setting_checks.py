"""What must hold of settings beyond their types: URLs of known kinds, keys that belong together."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from domain.errors import BadConfiguration

_DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")
_HTTP = ("http", "https")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "signals_db": _DATABASES,
    "audit_db": _DATABASES,
    "ledger_db": _DATABASES,
    "access_db": _DATABASES,
    "operate_db": _DATABASES,
    "workflow_db": _DATABASES,
    "studies_db": _DATABASES[1:],
    "lineage": _HTTP,
    "online": ("redis", "rediss"),
    "bus": ("nats", "kafka"),
    "traces": _HTTP,
    "prometheus": _HTTP,
    "anchors": _HTTP,
}
"""The schemes that the URL of a setting may have."""

_TOGETHER = (("jwt_issuer", "jwt_audience", "jwt_keys"), ("tls_certificate", "tls_key"))
"""Settings of which all are set, or none."""

_LOCAL = frozenset(("127.0.0.1", "::1", "localhost"))


def check_settings(values: Mapping[str, str]) -> None:
    """Raise BadConfiguration, with the key, where a text setting cannot be meant so.

    `values` are by setting, "" for what is not set. No message repeats a value: a URL may hold a
    password.
    """
    for name, kinds in _KINDS.items():
        if values[name] and values[name].partition("://")[0] not in kinds:
            allowed = ", ".join(f"{kind}://" for kind in kinds)
            raise _bad(name, f"{name} must begin with one of {allowed}")
    for names in _TOGETHER:
        missing = [name for name in names if not values[name]]
        if missing and len(missing) < len(names):
            first = next(name for name in names if name not in missing)
            todo = f"Set all of {', '.join(names)}, or none."
            raise _bad(first, f"{first} is set, {' and '.join(missing)} not", todo)
    address = urlsplit(values["jwt_keys"])
    if address.scheme == "http" and address.hostname not in _LOCAL:
        raise _bad(
            "jwt_keys",
            "jwt_keys must be an https:// URL or a file: whoever can change it on its way "
            "can make tokens",
        )


def _bad(name: str, what: str, todo: str = "") -> BadConfiguration:
    return BadConfiguration(what, rule="settings", key=f"$.{name}", todo=todo)
