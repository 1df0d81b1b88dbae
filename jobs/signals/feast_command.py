"""Feast's own command line, on this home and its online store."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from config.environment import process_environment
from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import Missing
from feature_repo import store

LISTENING = ("ui", "serve")
"""Commands of Feast's that listen for callers: by its own default, on every address."""
HOSTS = ("--host", "-h")
NEEDS_GRPC = ("ui", "serve_registry")


def run_feast(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `feast` with these arguments, in the terminal; its exit code.

    Its configuration, which may hold the online store's password, lies in a private folder for
    as long as it runs. Raises Missing where the home is empty, or a package that Feast needs.
    """
    definition_of(settings)
    _check(arguments)
    with TemporaryDirectory(prefix="feast-") as folder:
        configuration = Path(folder) / "feature_store.yaml"
        wanted = store.document(settings.home, settings.online, store.WAIT_S)
        configuration.write_text(yaml.safe_dump(wanted, sort_keys=False))
        environment = process_environment(LEADSCORE_HOME=str(settings.home.resolve()))
        ran = subprocess.run(
            command(configuration, arguments),
            env=environment,
            cwd=store.CONFIGURATION.parent,  # where Python looks for code first
            check=False,
        )
        return ran.returncode


def command(configuration: Path, arguments: Sequence[str]) -> list[str]:
    """The command, listening on this machine alone unless an address is given."""
    repository = str(store.CONFIGURATION.parent)
    command_line = [sys.executable, "-W", "ignore", "-m", "feast.cli.cli"]
    command_line += ["-c", repository, "-f", str(configuration), *arguments]
    listens = bool(arguments) and arguments[0] in LISTENING
    if listens and not any(one.split("=")[0] in HOSTS for one in arguments):
        command_line += ["--host", "127.0.0.1"]
    return command_line


def _check(arguments: Sequence[str]) -> None:
    if arguments and arguments[0] in NEEDS_GRPC and find_spec("grpc") is None:
        raise Missing(
            f"Feast's `{arguments[0]}` needs packages that are not installed",
            rule="feast-extra",
            where="feast[grpcio]",
            todo='Run `pip install "feast[grpcio]"` in this environment.',
        )
