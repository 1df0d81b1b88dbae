"""Nothing that lies in a home is run: poisoned files of every kind are planted, and nothing runs.

A poisoned file, where something unpickles it or takes it for code, leaves a mark. `control` shows
that each does.
"""

import importlib.util
import json
import marshal
import os
import pickle
import re
import shelve
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from config.compiled_code import check_compiled_code
from config.settings import Settings, load_settings
from domain.errors import BadConfiguration
from tests.conftest import ROOT
from wiring.quality import load_quality
from wiring.registry import gates_of

MARK = "LEADSCORE_TEST_MARK"
COMMANDS = (
    ["models", "list"],
    ["models", "show", "1"],
    ["features", "services"],
    ["features", "show", "{lead}"],
    ["features", "feast", "plan"],
    ["score", "{lead}"],
    ["policy", "list"],
    ["quality", "show"],
    ["quarantine", "list"],
    ["audit", "verify"],
    ["ingest", "{empty}"],
)
ALLOWED = {
    "wiring/quality.py": "yaml.load(",
}
"""Where a word of `WORDS` stands for good reason: a safe loader, which refuses a key twice."""
WORDS = re.compile(
    r"\b(pickle|cloudpickle|dill|joblib|shelve|marshal|torch)\b|allow_pickle=True|read_pickle"
    r"|yaml\.(load|load_all|unsafe_load|full_load)\(|\beval\(|\bexec\("
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["importlinter"]["root_packages"]


class Poison:
    """Unpickled, it leaves a mark."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f'touch "${MARK}"',)


CODE = f"import os; open(os.environ[{MARK!r}], 'w').close()\n"
YAML = f"!!python/object/apply:os.system ['touch \"${MARK}\"']\n"


def as_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Poison()))


def as_npy(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.array([Poison()], dtype=object), allow_pickle=True)


def as_npz(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, features=np.array([Poison()], dtype=object))


def as_yaml(path: Path) -> None:
    path.write_text(YAML)


def as_code(path: Path) -> None:
    path.write_text(CODE)


def as_registry(path: Path) -> None:
    """Feast's own registry, whose on-demand view is the poison."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    held = Registry(registry_schema_version="1")
    view = held.on_demand_feature_views.add()
    view.spec.name, view.spec.project, view.spec.mode = (
        "standard_v1_features",
        "leadscore",
        "pandas",
    )
    transformation = view.spec.feature_transformation.user_defined_function
    transformation.name, transformation.body_text = "standard_v1", "feature_repo.features"
    transformation.body = pickle.dumps(Poison())
    path.write_bytes(held.SerializeToString())


def as_marshalled(path: Path) -> None:
    held = compile(CODE, "planted", "exec")
    path.write_bytes(importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(held))


def as_shelf(path: Path) -> None:
    with shelve.open(str(path)) as shelf:
        shelf["x"] = Poison()


def as_mlmodel(path: Path) -> None:
    path.write_text("flavors: {python_function: {loader_module: sitecustomize, code: .}}\n")


PLANTED: dict[str, Callable[[Path], None]] = {
    "feast/registry.db": as_registry,
    "feast/applied": as_pickle,
    "feast/feature_store.yaml": as_yaml,
    "feast/definitions.py": as_code,
    "feature_store.yaml": as_yaml,
    "definitions.py": as_code,
    "sitecustomize.py": as_code,
    "yaml.py": as_code,
    "msgspec.py": as_code,
    "mlflow.py": as_code,
    "conftest.py": as_code,
    "__pycache__/yaml.cpython-311.pyc": as_marshalled,
    "numba/kernel.nbi": as_pickle,
    "numba/kernel.nbc": as_pickle,
    "__pycache__/kernel.nbi": as_pickle,
    "state.shelf": as_shelf,
    "studies/last-won.json": as_pickle,
    "studies/x.journal": as_pickle,
    "live/versions/lead-1/extra.npy": as_npy,
    "live/versions/lead-1/model.pkl": as_pickle,
    "live/versions/lead-1/MLmodel": as_mlmodel,
    "live/versions/lead-9/explanation.npz": as_npz,
    "offline/extra.pickle": as_pickle,
    "artifacts/model.pkl": as_pickle,
    "mlruns/0/meta.yaml": as_yaml,
}


EACH_IN_TURN = f"""
import json, os, sys
from leadscore.__main__ import main

for words in json.loads(sys.argv[1]):
    sys.argv = ["leadscore", *words]
    try:
        main()
    except SystemExit as end:
        print(*words, end.code, flush=True)
    if os.path.exists(os.environ[{MARK!r}]):
        sys.exit(f"{{words}} left a mark")
"""
"""A program that runs commands, one after the other: libraries load where homes are, and once."""


def run_in_home(settings: Settings, mark: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a new process whose folder is the home."""
    given = {**os.environ, **settings.environment(), MARK: str(mark)}
    given["LEADSCORE_HOME"] = str(settings.home.resolve())
    given.pop("PYTHONPATH", None)
    return subprocess.run(
        command,
        env=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=settings.home,
    )


def plant(home: Path) -> None:
    for name, write in PLANTED.items():
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target)


@pytest.mark.parametrize("write", [as_pickle, as_npy, as_npz, as_yaml, as_code, as_marshalled])
def test_control_each_poison_leaves_its_mark(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, planted = tmp_path / "mark", tmp_path / "planted"
    monkeypatch.setenv(MARK, str(mark))
    write(planted)
    match write.__name__:
        case "as_pickle":
            pickle.loads(planted.read_bytes())
        case "as_npy":
            np.load(planted, allow_pickle=True)
        case "as_npz":
            np.load(planted, allow_pickle=True)["features"]
        case "as_yaml":
            yaml.unsafe_load(planted.read_text())
        case "as_code":
            exec(planted.read_text())
        case _:
            exec(marshal.loads(planted.read_bytes()[16:]))
    assert mark.exists()


def test_control_feast_runs_what_its_own_registry_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from feature_repo.feast_imports import FeatureStore, RepoConfig

    monkeypatch.setenv(MARK, str(tmp_path / "mark"))
    as_registry(tmp_path / "registry.db")
    config = RepoConfig(
        repo_path=tmp_path,
        project="leadscore",
        provider="local",
        registry=str(tmp_path / "registry.db"),
        entity_key_serialization_version=3,
    )
    with pytest.raises(Exception):  # noqa: B017, PT011 what Feast makes of it is its own affair
        FeatureStore(config=config).get_on_demand_feature_view("standard_v1_features")
    assert (tmp_path / "mark").exists()


def test_no_command_runs_what_was_planted_in_a_home(own_home: Settings, tmp_path: Path) -> None:
    plant(own_home.home)
    lead, empty = _any_lead(own_home), tmp_path / "empty.jsonl"
    empty.write_text("")
    mark, program = tmp_path / "mark", tmp_path / "each_in_turn.py"
    program.write_text(EACH_IN_TURN)
    commands = [[part.format(lead=lead, empty=empty) for part in told] for told in COMMANDS]
    every = run_in_home(own_home, mark, sys.executable, str(program), json.dumps(commands))
    script = Path(sys.executable).with_name("leadscore")
    alone = run_in_home(own_home, mark, str(script), "score", lead)
    for done in (every, alone):
        assert not mark.exists(), done.stderr[-2000:]
        assert "Traceback" not in done.stderr, done.stderr[-2000:]
    for words in commands:
        assert " ".join(words) in every.stdout, every.stderr[-2000:]


def test_yaml_of_a_home_makes_no_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, str(tmp_path / "mark"))
    for name in ("settings.yaml", "quality.yaml", "gates.yaml"):
        as_yaml(tmp_path / name)
    for read in (
        lambda: load_settings({"LEADSCORE_HOME": str(tmp_path)}),
        lambda: load_quality(tmp_path),
        lambda: gates_of(Settings(home=tmp_path)),
    ):
        with pytest.raises(BadConfiguration):
            read()
    assert not (tmp_path / "mark").exists()


def test_a_versions_arrays_hold_no_objects(tmp_path: Path) -> None:
    from domain.errors import BadInput
    from domain.versions.explanation_table import load_table

    as_npz(tmp_path / "explanation.npz")
    with pytest.raises(BadInput, match="explanation-table"):
        load_table(tmp_path / "explanation.npz")


def test_compiled_code_is_kept_nowhere_that_others_can_write_to(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for bad in (home / "numba", home, home / ".." / "home" / "x"):
        with pytest.raises(BadConfiguration, match="lies in the home"):
            check_compiled_code(home, str(bad))
    link = tmp_path / "link"
    link.symlink_to(home)
    with pytest.raises(BadConfiguration, match="lies in the home"):
        load_settings({"LEADSCORE_HOME": str(home), "NUMBA_CACHE_DIR": str(link / "numba")})
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(BadConfiguration, match="others own it"):
        check_compiled_code(home, str(shared))
    own = tmp_path / "cache" / "numba"
    check_compiled_code(home, str(own))
    assert own.stat().st_mode & 0o777 == 0o700


def test_no_other_deserialiser_is_in_the_code() -> None:
    """Each that is added goes into docs/threat-model.md, with the proof that it is safe."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            code = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text())
            found = [match.group() for match in WORDS.finditer(code)]
            assert set(found) <= {ALLOWED.get(name)}, (name, found)


def _any_lead(settings: Settings) -> str:
    from wiring.signals import open_signals

    return str(next(iter(open_signals(settings).directory.all())).lead_id)
