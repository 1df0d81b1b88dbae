"""The file of a policy that an address names, and of one that is being written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from console.home import ConsoleHome
from decisions.policy.document import PolicyDocument
from decisions.policy.policy import load_policy
from domain.errors import Missing
from domain.versions.policy_manifest import POLICY_FILE
from wiring.decisions import POLICIES


def policy_file(home: ConsoleHome, label: str) -> tuple[str | None, Path]:
    """The label and file of a policy: registered, or one that comes along. Raises Missing."""
    if label in home.policies.standing().registrations:
        return label, home.policies.fetch(label)[0] / POLICY_FILE
    for path in sorted(POLICIES.glob("*.json")):
        if load_policy(path).label == label:
            return None, path
    raise Missing("no policy has that label", rule="policy-known")


def policy_document(home: ConsoleHome, label: str) -> PolicyDocument:
    """A policy's tables. Raises Missing."""
    return PolicyDocument(policy_file(home, label)[1].read_bytes())


@contextmanager
def written_file(body: bytes) -> Iterator[Path]:
    """A policy's file for as long as it is looked at."""
    with TemporaryDirectory(prefix="policy-") as folder:
        path = Path(folder) / "policy.json"
        path.write_bytes(body)
        yield path
