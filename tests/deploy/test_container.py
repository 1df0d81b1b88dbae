"""The Containerfile, read strictly: no engine runs here; what it says is held against the tree."""

import json
import re
import shlex
from pathlib import Path

from config.environment import VARIABLES
from config.settings import load_settings
from serving.service import PATHS
from tests.conftest import ROOT
from tests.fewer_libraries import distributions_of

INSTRUCTIONS = {
    *("FROM", "ARG", "RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "WORKDIR", "STOPSIGNAL"),
    *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
}
Step = tuple[str, str]


def steps() -> list[Step]:
    text = (ROOT / "Containerfile").read_text()
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", kept)
    found = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, rest) for word, _, rest in found]


STEPS = steps()
LAST = STEPS[max(n for n, (word, _) in enumerate(STEPS) if word == "FROM") :]


def values(word: str, held: list[Step] | None = None) -> list[str]:
    return [rest for name, rest in (held or LAST) if name == word]


def environment() -> dict[str, str]:
    pairs = [pair for rest in values("ENV") for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def test_only_known_instructions() -> None:
    assert {word for word, _ in STEPS} <= INSTRUCTIONS


def test_every_base_is_named_with_a_tag_of_the_projects_python() -> None:
    base, libraries = [rest for word, rest in STEPS if word == "ARG"]
    assert re.fullmatch(r"PYTHON=[\w./-]+:3\.11(-\w+)?", base)
    assert libraries == "LIBRARIES=serve.txt", "what serves has no more than it needs"
    assert all(rest.split()[0] == "${PYTHON}" for rest in values("FROM", STEPS))


def test_what_is_copied_exists_and_is_let_in() -> None:
    allowed = (ROOT / ".containerignore").read_text().split()
    stages = {rest.split()[-1] for rest in values("FROM", STEPS)}
    for rest in values("COPY", STEPS):
        words = rest.split()
        origin = next((w.partition("=")[2] for w in words if w.startswith("--from=")), None)
        if origin is not None:
            assert origin in stages
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in allowed
    rooms = {rest.split()[0] for rest in values("COPY") if "--from" not in rest}
    bento = (ROOT / "bentofile.yaml").read_text()
    assert set(re.findall(r'"(\w+)/\*\*"', bento)) <= rooms


def test_libraries_come_with_hashes_alone() -> None:
    installs = [rest for word, rest in STEPS if word == "RUN" and "pip" in rest]
    assert installs
    for rest in installs:
        for command in (c for c in rest.split("&&") if "pip" in c):
            assert "--require-hashes" in command


def test_it_runs_as_nobody_and_writes_to_its_home_alone() -> None:
    (user,) = values("USER")
    assert user.isdecimal()
    assert int(user) > 0
    last = [word for word, _ in LAST].index("USER")
    assert "RUN" not in [word for word, _ in LAST[last:]]
    held = environment()
    assert values("VOLUME") == [f"{held['LEADSCORE_HOME']} {held['XDG_STATE_HOME']}"]
    home, state = Path(held["LEADSCORE_HOME"]), Path(held["XDG_STATE_HOME"])
    assert home not in state.parents, "anchors outlive the home"
    assert any(str(state) in rest and "install -d" in rest for rest in values("RUN"))
    assert held["BENTOML_HOME"].startswith(held["LEADSCORE_HOME"])
    assert held["PYTHONDONTWRITEBYTECODE"] == "1"


def test_its_settings_are_settings() -> None:
    own = {name: value for name, value in environment().items() if name.startswith("LEADSCORE_")}
    assert set(own) <= set(VARIABLES)
    load_settings(own)


def test_what_it_starts_is_the_service_and_the_probe_asks_for_a_path_of_it() -> None:
    (begin,), (said,) = values("ENTRYPOINT"), values("CMD")
    command = [*json.loads(begin), *json.loads(said)]
    assert command[:5] == ["python", "-m", "bentoml", "serve", "serving.service:LeadScoring"]
    (port,) = values("EXPOSE")
    assert command[-2:] == ["--port", port]
    (health,) = values("HEALTHCHECK")
    probe = json.loads(health[health.index("[") :])
    found = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", probe[-1])
    assert found is not None
    assert found[1] == port
    assert found[2] in PATHS
    compile(probe[-1], "probe", "exec")


def pins(path: str) -> dict[str, list[str]]:
    """Each pinned distribution of a lock, with its version and hashes."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements" / path).read_text())
    found = {}
    for block in blocks:
        pin = re.match(r"([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([\w.+]+)", block)
        if pin:
            found[pin[1]] = [pin[2], *sorted(re.findall(r"sha256:[0-9a-f]{64}", block))]
    return found


def test_the_lock_of_serving_is_part_of_the_whole_lock() -> None:
    whole, part = pins("lock.txt"), pins("serve.txt")
    assert all(len(pin) > 1 for pin in part.values())
    assert {k: whole.get(k) for k in part} == part


def test_serving_is_locked_with_the_base_and_its_extras() -> None:
    here = distributions_of("bus", "mcp", "serve")
    assert here & pins("lock.txt").keys() == pins("serve.txt").keys()
    assert not {"pytest", "ruff", "optuna", "evidently", "mlflow"} & here
