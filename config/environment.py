"""The environment: which variables are settings, and what else a process learns from it."""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

PREFIX = "LEADSCORE_"

VARIABLES: Mapping[str, str] = {
    "LEADSCORE_HOME": "home",
    "LEADSCORE_CLOCK": "clock",
    "LEADSCORE_POLICY": "policy",
    "LEADSCORE_HOST": "host",
    "LEADSCORE_PORT": "port",
    "LEADSCORE_SIGNALS_DB": "signals_db",
    "LEADSCORE_AUDIT_DB": "audit_db",
    "LEADSCORE_LEDGER_DB": "ledger_db",
    "LEADSCORE_ACCESS_DB": "access_db",
    "LEADSCORE_OPERATE_DB": "operate_db",
    "LEADSCORE_WORKFLOW_DB": "workflow_db",
    "LEADSCORE_STUDIES_DB": "studies_db",
    "LEADSCORE_LINEAGE": "lineage",
    "LEADSCORE_ONLINE": "online",
    "LEADSCORE_BUS": "bus",
    "LEADSCORE_EVENTS_WAITING": "events_waiting",
    "LEADSCORE_FEATURES_WAIT_MS": "features_wait_ms",
    "LEADSCORE_FEATURES_KEEP": "features_keep",
    "LEADSCORE_FEATURES_KEEP_S": "features_keep_s",
    "LEADSCORE_SIGNALS_WAIT_MS": "signals_wait_ms",
    "LEADSCORE_AUDIT_WAIT_MS": "audit_wait_ms",
    "LEADSCORE_AUDIT_SPOOL": "audit_spool",
    "LEADSCORE_AUDIT_SPOOL_MB": "audit_spool_mb",
    "LEADSCORE_ANCHORS": "anchors",
    "LEADSCORE_LOGS": "logs",
    "LEADSCORE_TRACES": "traces",
    "LEADSCORE_TRACES_SHARE": "traces_share",
    "LEADSCORE_PROMETHEUS": "prometheus",
    "LEADSCORE_ACCESS": "access",
    "LEADSCORE_JWT_ISSUER": "jwt_issuer",
    "LEADSCORE_JWT_AUDIENCE": "jwt_audience",
    "LEADSCORE_JWT_KEYS": "jwt_keys",
    "LEADSCORE_RATE": "rate",
    "LEADSCORE_BURST": "burst",
    "LEADSCORE_TLS_CERTIFICATE": "tls_certificate",
    "LEADSCORE_TLS_KEY": "tls_key",
    "LEADSCORE_MCP": "mcp",
}
"""The settings that are read from the environment, by variable."""

_OTHERS = frozenset(("LEADSCORE_USER", "LEADSCORE_CI", "LEADSCORE_DATA", "LEADSCORE_SOAK"))
"""The default of `--by`, and what the project's own tests go by."""

_SERVICE_LINK = re.compile(
    r"LEADSCORE_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)\w*)?)"
)
"""What Kubernetes tells a container of Services whose names begin like the variables."""


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable that looks like a setting and is none.

    >>> unknown_variables({"LEADSCORE_ACCES": "required", "LEADSCORE_HOME": "x"})
    ['LEADSCORE_ACCES is no setting and changes nothing. Did you mean LEADSCORE_ACCESS?']
    """
    variables = os.environ if environment is None else environment
    known = VARIABLES.keys() | _OTHERS
    names = sorted(name for name in variables if name.startswith(PREFIX) and name not in known)
    return [
        f"{name} is no setting and changes nothing. {_nearest(name)}"
        for name in names
        if not _SERVICE_LINK.fullmatch(name)
    ]


def _nearest(name: str) -> str:
    suffixes = [variable.removeprefix(PREFIX) for variable in VARIABLES]
    if close := get_close_matches(name.removeprefix(PREFIX), suffixes, n=1, cutoff=0.5):
        return f"Did you mean {PREFIX}{close[0]}?"
    return "docs/configuration.md lists all settings."


def state_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where this user's programs keep what is to outlive a home, by the XDG rules."""
    variables = os.environ if environment is None else environment
    folder = variables.get("XDG_STATE_HOME", "")
    base = folder if folder.startswith("/") else os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(base).absolute() / "leadscore"


def runs_as_service(environment: Mapping[str, str] | None = None) -> bool:
    """Whether systemd started this very process, or Kubernetes the container that it runs in."""
    variables = os.environ if environment is None else environment
    by_systemd = variables.get("SYSTEMD_EXEC_PID") == str(os.getpid())
    return by_systemd or bool(variables.get("KUBERNETES_SERVICE_HOST"))


def process_environment(**variables: str) -> dict[str, str]:
    """This process's environment with some variables set, for a process that it starts."""
    return {**os.environ, **variables}
