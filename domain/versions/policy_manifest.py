"""What a version of a policy says of itself: a sealed folder, as a model's."""

from typing import ClassVar

import msgspec

from domain.decisions import Facts
from domain.scores import Decision
from domain.versions.manifest import Sealed, VersionKind

POLICY_FILE = "policy.json"
GOLDEN_FILE = "golden.json"
CASES_FILE = "policy.cases.yaml"
"""The test cases beside a policy, where it has some."""


class GoldenRow(msgspec.Struct, frozen=True, kw_only=True):
    """Facts, and what this version decides on them: what a later one is compared by."""

    facts: Facts
    decision: Decision


class PolicyManifest(Sealed, frozen=True, kw_only=True):
    """What a version of a policy says of itself.

    `fingerprint` is a digest of grades and decision model: two with the same one decide the same.
    """

    kind: ClassVar[VersionKind] = "policy"
    required: ClassVar[tuple[str, ...]] = (POLICY_FILE, GOLDEN_FILE)

    fingerprint: str
    description: str = ""

    def searchable(self) -> dict[str, str]:
        """What a listing of versions says of it."""
        return {"fingerprint": self.fingerprint}

    def faults(self) -> list[str]:
        """What is missing for it to be complete."""
        needed = {"no fingerprint": self.fingerprint, "no golden rows": self.counts.get("golden")}
        return [what for what, present in needed.items() if not present]
