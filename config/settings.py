"""Settings: the one module that reads the environment.

A home's own settings stand in `settings.yaml` inside it; environment variables win over them.
"""

import os
import warnings
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
import yaml

from config.compiled_code import COMPILED, check_compiled_code
from domain.errors import BadConfiguration
from signals.identifiers.rules import IdentityRules
from storage.files import private_folder
from storage.typed_yaml import YamlFile

FILE = "settings.yaml"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a process may be told from outside.

    `clock`: `system`, or `watermark` for a home of past or simulated events, where the present
    is the newest moment that the log knows of. `policy` is a policy file, or the name of one that
    comes with the product, used whatever is registered; "" for the registered champion, and where
    there is none, for `standard`. `host` and `port` are where the service listens.

    Databases are SQLAlchemy URLs of SQLite or PostgreSQL, by default SQLite files in the home.
    `studies_db` is where several `leadscore train` share one search: a PostgreSQL URL, or "" for a
    journal file in the home.
    `online` is where Feast keeps online features: "" for SQLite in the home, or a `redis://` URL.
    `bus` is a `nats://` or `kafka://` URL, "" for none. `events_waiting` is how many events the
    service holds at once, over all requests in flight, before it answers 429. `lineage` is the
    `http://` URL of an OpenLineage server, "" for the home's outbox alone. URLs may hold
    passwords: no message, log or repr shows one.

    While the service answers: `features_wait_ms` is how long the online store may be silent;
    `features_keep` leads' last known states are kept in each worker process, and used, when the
    store is away, for `features_keep_s` seconds. How long another's lock may be waited for:
    `signals_wait_ms` for the event log's database, `audit_wait_ms` for the audit trail.
    `audit_spool` is a folder where decisions are kept, at most `audit_spool_mb` megabytes, until
    the trail takes them, "" for none: then nobody is answered while it is away.

    `anchors` is where the places and hashes of all chains are written beside the home: a file, or
    the `http://` or `https://` URL of a webhook, which is told besides; "" for a file in the user's
    state folder.

    `logs` is the form of the logs of service and worker, `json` for one object a line. `traces` is
    the base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as
    `http://collector:4318`, "" for none; `traces_share` of the traces that begin here are sent, and
    of those that a caller began, the ones the caller sends.

    `access`: `required`, where every caller needs a credential, or `loopback`, where programs on
    this machine need none. Left out, it is `required`, but for a developer's `leadscore serve` on
    a loopback address. API keys are in `access_db`. Tokens of `jwt_issuer` for `jwt_audience` are
    taken too, checked with the key set at `jwt_keys`, a URL or a file. `rate` is how many requests
    a second each caller may make of one worker process, `burst` how many at once; rate 0 sets no
    limit. `tls_certificate` and `tls_key` are PEM files with which `leadscore serve` speaks HTTPS.

    `identity` says who is who: limits, lists and the region of telephones, see
    `signals.identifiers.rules`. It stands in the home's file alone.
    """

    home: Path = Path(".leadscore")
    clock: Literal["system", "watermark"] = "system"
    policy: str = ""
    host: str = "127.0.0.1"
    port: int = 3000

    signals_url: str = msgspec.field(default="", name="signals_db")
    audit_url: str = msgspec.field(default="", name="audit_db")
    ledger_url: str = msgspec.field(default="", name="ledger_db")
    access_url: str = msgspec.field(default="", name="access_db")
    studies_url: str = msgspec.field(default="", name="studies_db")
    lineage_url: str = msgspec.field(default="", name="lineage")
    online: str = ""
    bus: str = ""
    events_waiting: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    features_wait_ms: Annotated[int, msgspec.Meta(ge=1)] = 250
    features_keep: Annotated[int, msgspec.Meta(ge=0)] = 10_000
    features_keep_s: Annotated[float, msgspec.Meta(ge=0)] = 900.0
    signals_wait_ms: Annotated[int, msgspec.Meta(ge=1)] = 2_000
    audit_wait_ms: Annotated[int, msgspec.Meta(ge=1)] = 2_000
    audit_spool: str = ""
    audit_spool_mb: Annotated[int, msgspec.Meta(ge=1)] = 64
    anchors: str = ""
    logs: Literal["text", "json"] = "text"
    traces: str = ""
    traces_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0

    access: Literal["", "loopback", "required"] = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_keys: str = ""
    identity: IdentityRules = IdentityRules()
    rate: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    burst: Annotated[int, msgspec.Meta(ge=1)] = 50
    tls_certificate: str = ""
    tls_key: str = ""

    def __post_init__(self) -> None:
        """Refuse URLs of a kind that nothing here speaks."""
        for name, (value, kinds) in {
            "signals_db": (self.signals_url, _DATABASES),
            "audit_db": (self.audit_url, _DATABASES),
            "ledger_db": (self.ledger_url, _DATABASES),
            "access_db": (self.access_url, _DATABASES),
            "studies_db": (self.studies_url, _DATABASES[1:]),
            "lineage": (self.lineage_url, ("http", "https")),
            "online": (self.online, ("redis", "rediss")),
            "bus": (self.bus, ("nats", "kafka")),
            "traces": (self.traces, ("http", "https")),
            "anchors": (self.anchors if "://" in self.anchors else "", ("http", "https")),
        }.items():
            if value and value.partition("://")[0] not in kinds:
                raise BadConfiguration(
                    f"{name} is a URL of another kind, must begin with one of "
                    + ", ".join(f"{kind}://" for kind in kinds),
                    rule="settings",
                )
        self._check_access()

    def _check_access(self) -> None:
        for names in (("jwt_issuer", "jwt_audience", "jwt_keys"), ("tls_certificate", "tls_key")):
            if len({bool(getattr(self, name)) for name in names}) > 1:
                raise BadConfiguration(
                    f"of {', '.join(names)} some are set and some are not", rule="settings"
                )
        address = urlsplit(self.jwt_keys)
        if address.scheme == "http" and address.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise BadConfiguration(
                "jwt_keys must be an https:// URL or a file: whoever can change it on its way "
                "can make tokens",
                rule="settings",
            )

    def __repr__(self) -> str:
        """The home alone: URLs may hold passwords."""
        return f"Settings(home={str(self.home)!r})"

    @property
    def signals_db(self) -> str:
        """Where the event log, identity and state are."""
        return self.signals_url or sqlite_url(self.home / "signals.db")

    @property
    def audit_db(self) -> str:
        """Where the audit trail is."""
        return self.audit_url or sqlite_url(self.home / "audit.db")

    @property
    def ledger_db(self) -> str:
        """Where the promotion ledger is."""
        return self.ledger_url or sqlite_url(self.home / "ledger.db")

    @property
    def access_db(self) -> str:
        """Where the API keys are."""
        return self.access_url or sqlite_url(self.home / "access.db")

    @property
    def anchors_url(self) -> str:
        """The webhook that anchors are posted to, "" for none."""
        return self.anchors if "://" in self.anchors else ""

    @property
    def anchors_file(self) -> Path:
        """The file that anchors are written to."""
        if self.anchors and not self.anchors_url:
            return Path(self.anchors)
        place = sha256(str(self.home.resolve()).encode()).hexdigest()[:16]
        return state_folder() / "anchors" / f"{place}.jsonl"

    def environment(self) -> dict[str, str]:
        """The variables that give another process these settings; those that are "" are left out.

        Paths stand as they are: a process in another folder needs an absolute home.
        """
        said = {name: str(self._held(field)) for name, field in _NAMES.items()}
        return {name: value for name, value in said.items() if value}

    def _held(self, field: str) -> object:
        at = self.__struct_encode_fields__.index(field)
        return getattr(self, self.__struct_fields__[at])

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and versions."""
        url = sqlite_url((self.home / "mlflow.db").resolve())
        # where signs are escaped, MLflow makes a folder of that name, unless the driver is named
        return url.replace("sqlite:", "sqlite+pysqlite:", 1) if "%" in url else url

    @property
    def definition_file(self) -> Path:
        """The feature definition that this home keeps state for."""
        return self.home / "definition.json"

    @property
    def contracts(self) -> Path:
        """Contracts of this home, beside those that come with the product."""
        return self.home / "contracts"


_OUTSIDE = {
    "home": "home may not be set inside the home: the file is found by it",
    "anchors": "anchors must be outside the home that they protect",
}
NOT_IN_FILE = tuple(_OUTSIDE)
"""Settings that no home's file may hold."""

_DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")
_NAMES = {
    "LEADSCORE_HOME": "home",
    "LEADSCORE_CLOCK": "clock",
    "LEADSCORE_POLICY": "policy",
    "LEADSCORE_HOST": "host",
    "LEADSCORE_PORT": "port",
    "LEADSCORE_SIGNALS_DB": "signals_db",
    "LEADSCORE_AUDIT_DB": "audit_db",
    "LEADSCORE_LEDGER_DB": "ledger_db",
    "LEADSCORE_ACCESS_DB": "access_db",
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
    "LEADSCORE_ACCESS": "access",
    "LEADSCORE_JWT_ISSUER": "jwt_issuer",
    "LEADSCORE_JWT_AUDIENCE": "jwt_audience",
    "LEADSCORE_JWT_KEYS": "jwt_keys",
    "LEADSCORE_RATE": "rate",
    "LEADSCORE_BURST": "burst",
    "LEADSCORE_TLS_CERTIFICATE": "tls_certificate",
    "LEADSCORE_TLS_KEY": "tls_key",
}


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of an SQLite file, whatever signs its path holds."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment and the home's file. Raises BadConfiguration."""
    given = os.environ if environment is None else environment
    said = {field: given[name] for name, field in _NAMES.items() if given.get(name)}
    home = Path(said.get("home", Settings().home))
    check_compiled_code(home, given.get(COMPILED, ""))
    return _convert({**_of_home(home), **said, "home": str(home)}, "settings")


def state_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where this user's programs keep what is to outlive a home, by the XDG rules."""
    given = os.environ if environment is None else environment
    said = given.get("XDG_STATE_HOME", "")
    base = said if said.startswith("/") else os.path.expanduser("~/.local/state")  # noqa: PTH111
    return Path(base).absolute() / "leadscore"


def runs_as_service(environment: Mapping[str, str] | None = None) -> bool:
    """Whether systemd started this very process, or Kubernetes the container that it runs in."""
    given = os.environ if environment is None else environment
    by_systemd = given.get("SYSTEMD_EXEC_PID") == str(os.getpid())
    return by_systemd or bool(given.get("KUBERNETES_SERVICE_HOST"))


def _of_home(home: Path) -> dict[str, object]:
    path = home / FILE
    if not path.is_file():
        return {}
    todo = "It must be YAML in UTF-8, one `name: value` a line."
    file = YamlFile(path, "settings", todo=todo)
    held = file.document or {}
    if not isinstance(held, dict):
        raise BadConfiguration("not a list of settings", rule="settings", where=str(path))
    for name, why in _OUTSIDE.items():
        if name in held:
            where = file.where(f"at `$.{name}`")
            todo = f"Set LEADSCORE_{name.upper()} in the environment instead."
            raise BadConfiguration(why, rule="settings", where=where, todo=todo)
    try:
        _convert({**held, "home": str(home)}, str(path))
    except BadConfiguration as bad:
        bad.where = file.where(bad.what)
        raise
    return held


def write_home_settings(home: Path, **settings: str) -> None:
    """Write a home's own settings, keeping those that are not named."""
    private_folder(home)
    merged = {**_of_home(home), **settings}
    _convert({**merged, "home": str(home)}, FILE)
    (home / FILE).write_text(yaml.safe_dump(merged, sort_keys=True))


def process_environment(**said: str) -> dict[str, str]:
    """This process's environment with some variables set, for a process that it starts."""
    return {**os.environ, **said}


def quiet_libraries() -> None:
    """Tell libraries not to count their users nor to warn ours. Before any is imported."""
    warnings.filterwarnings(
        "ignore", module=r"(feast|ibis|mlflow|sqlalchemy|evidently|litestar|scipy)\b"
    )
    warnings.filterwarnings("ignore", message="On demand feature view is an experimental feature")
    for name, value in {
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "true",
        "FEAST_USAGE": "False",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)


def _convert(held: dict[str, object], where: str) -> Settings:
    try:
        return msgspec.convert(held, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as bad:
        raise BadConfiguration(
            str(bad),
            rule="settings",
            where=where,
            todo=f"The settings are {', '.join(Settings.__struct_encode_fields__)}.",
        ) from bad


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("not a folder")
