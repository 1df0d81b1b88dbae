"""Settings: what a process may be told from outside, by the environment and the home's file.

A home's own settings stand in `settings.yaml` inside it; environment variables win over them.
"""

import os
import re
import warnings
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml

from config.compiled_code import COMPILED, check_compiled_code
from config.environment import VARIABLES, state_folder
from config.setting_checks import check_settings
from domain.errors import BadConfiguration
from signals.identifiers.rules import IdentityRules
from storage.config_numbers import (
    Count,
    Magnitude,
    PositiveCount,
    Seconds,
    Share,
    WaitMilliseconds,
)
from storage.files import private_folder
from storage.nearest_names import nearest
from storage.typed_yaml import YamlFile

FILE = "settings.yaml"
_PLACE = re.compile(r"at `(\$[^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")


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
    of those that a caller began, the ones the caller sends. `prometheus` is the base URL of a
    server by whose figures a rollout's limits are checked too, "" for none.

    `operate_db` is where the operating loop keeps its runs and its lease; `workflow_db` where the
    states and timers of leads are, and the effects that wait for delivery.

    `access`: `required`, where every caller needs a credential, or `loopback`, where programs on
    this machine need none. Left out, it is `required`, but for a developer's `leadscore serve` on
    a loopback address. API keys are in `access_db`. Tokens of `jwt_issuer` for `jwt_audience` are
    taken too, checked with the key set at `jwt_keys`, a URL or a file. `rate` is how many requests
    a second each caller may make of one worker process, `burst` how many at once; rate 0 sets no
    limit. `tls_certificate` and `tls_key` are PEM files with which `leadscore serve` speaks HTTPS.

    `mcp` says that the service offers the tools for assistants at `/mcp`.

    `identity` sets how identities are resolved: limits, lists and the region of telephones, see
    `signals.identifiers.rules`. It stands in the home's file alone.
    """

    home: Path = Path(".leadscore")
    clock: Literal["system", "watermark"] = "system"
    policy: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 3000

    signals_url: str = msgspec.field(default="", name="signals_db")
    audit_url: str = msgspec.field(default="", name="audit_db")
    ledger_url: str = msgspec.field(default="", name="ledger_db")
    access_url: str = msgspec.field(default="", name="access_db")
    operate_url: str = msgspec.field(default="", name="operate_db")
    workflow_url: str = msgspec.field(default="", name="workflow_db")
    studies_url: str = msgspec.field(default="", name="studies_db")
    lineage_url: str = msgspec.field(default="", name="lineage")
    online: str = ""
    bus: str = ""
    events_waiting: PositiveCount = 20_000
    features_wait_ms: WaitMilliseconds = 250
    features_keep: Count = 10_000
    features_keep_s: Seconds = 900.0
    signals_wait_ms: WaitMilliseconds = 2_000
    audit_wait_ms: WaitMilliseconds = 2_000
    audit_spool: str = ""
    audit_spool_mb: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = 64
    anchors: str = ""
    logs: Literal["text", "json"] = "text"
    traces: str = ""
    traces_share: Share = 1.0
    prometheus: str = ""

    access: Literal["", "loopback", "required"] = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_keys: str = ""
    identity: IdentityRules = IdentityRules()
    rate: Magnitude = 0.0
    burst: PositiveCount = 50
    tls_certificate: str = ""
    tls_key: str = ""
    mcp: bool = False

    def __post_init__(self) -> None:
        """Refuse URLs of an unknown kind, and settings that lack their counterparts."""
        values = dict(
            zip(self.__struct_encode_fields__, msgspec.structs.astuple(self), strict=True)
        )
        check_settings({**values, "anchors": self.anchors_url})

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
    def operate_db(self) -> str:
        """Where the operating loop keeps its runs and its lease."""
        return self.operate_url or sqlite_url(self.home / "operate.db")

    @property
    def workflow_db(self) -> str:
        """Where the leads' workflow is: states, timers, and effects that wait."""
        return self.workflow_url or sqlite_url(self.home / "workflow.db")

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
        values = {name: str(self._value(setting)) for name, setting in VARIABLES.items()}
        return {name: value for name, value in values.items() if value}

    def _value(self, setting: str) -> object:
        place = self.__struct_encode_fields__.index(setting)
        return getattr(self, self.__struct_fields__[place])

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


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of an SQLite file, whatever signs its path holds."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment and the home's file.

    Raises BadConfiguration, naming the variable, or the file and the line.
    """
    present = os.environ if environment is None else environment
    variables = {name: present[name] for name in VARIABLES if present.get(name)}
    home = Path(variables.get("LEADSCORE_HOME", Settings().home))
    check_compiled_code(home, present.get(COMPILED, ""))
    of_environment = {VARIABLES[name]: value for name, value in variables.items()}
    try:
        return _convert({**_of_home(home), **of_environment, "home": str(home)})
    except BadConfiguration as bad:
        named = (name for name in variables if VARIABLES[name] == _setting(bad.key))
        bad.where = bad.where or next(named, "settings")
        raise


def _of_home(home: Path) -> dict[str, object]:
    path = home / FILE
    if not path.is_file():
        return {}
    todo = "It must be YAML in UTF-8, one `name: value` a line."
    file = YamlFile(path, "settings", todo=todo)
    values = file.document or {}
    if not isinstance(values, dict):
        raise BadConfiguration("not a list of settings", rule="settings", where=str(path))
    for name, why in _OUTSIDE.items():
        if name in values:
            where = file.where(f"at `$.{name}`")
            todo = f"Set LEADSCORE_{name.upper()} in the environment instead."
            raise BadConfiguration(why, rule="settings", where=where, todo=todo)
    try:
        _convert({**values, "home": str(home)})
    except BadConfiguration as bad:
        file.locate(bad)
        raise
    return values


def write_home_settings(home: Path, **settings: str) -> None:
    """Write a home's own settings, keeping those that are not named."""
    private_folder(home)
    merged = {**_of_home(home), **settings}
    try:
        _convert({**merged, "home": str(home)})
    except BadConfiguration as bad:
        bad.where = FILE
        raise
    (home / FILE).write_text(yaml.safe_dump(merged, sort_keys=True))


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


def _convert(values: Mapping[str, object]) -> Settings:
    """Settings of values by name. Raises BadConfiguration, with the key of the setting."""
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as bad:
        key = _PLACE.search(str(bad))
        unknown = _UNKNOWN.search(str(bad))
        name = _setting(key[1]) if key else ""
        raise BadConfiguration(
            str(bad),
            rule="settings",
            key="" if key is None or unknown else key[1],
            todo=_todo(name, unknown[1] if unknown else ""),
        ) from bad


def _setting(key: str) -> str:
    """The setting that a key such as `$.identity.limits` stands in."""
    return key.removeprefix("$").strip(".").partition(".")[0]


def _todo(name: str, unknown: str) -> str:
    """What to do about a setting: what it may be, or the nearest name to an unknown one."""
    if unknown and not name:
        return nearest(unknown, set(Settings.__struct_encode_fields__) - set(NOT_IN_FILE)) + (
            " docs/configuration.md tells every setting."
        )
    fields = {f.encode_name: f.name for f in msgspec.structs.fields(Settings)}
    kind = get_type_hints(Settings, include_extras=True).get(fields.get(name, ""))
    if get_origin(kind) is Literal:
        allowed = [word or '""' for word in get_args(kind)]
        return f"`{name}` is one of {', '.join(allowed)}."
    return "docs/configuration.md tells every setting."


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("not a folder")
