"""What a version of a workflow says of itself: a sealed folder, as a model's."""

from typing import ClassVar

from domain.versions.manifest import Sealed, VersionKind

WORKFLOW_FILE = "workflow.yaml"


class WorkflowManifest(Sealed, frozen=True, kw_only=True):
    """What a version of a workflow says of itself.

    `fingerprint` is the statechart's: two with the same one move leads alike. `file_version` is the
    version that the file gives itself, which `migrates` of later ones refer to.
    """

    kind: ClassVar[VersionKind] = "workflow"
    required: ClassVar[tuple[str, ...]] = (WORKFLOW_FILE,)

    fingerprint: str
    file_version: int
    description: str = ""

    def searchable(self) -> dict[str, str]:
        """What a listing of versions says of it."""
        return {"fingerprint": self.fingerprint}

    def faults(self) -> list[str]:
        """What is missing for it to be complete."""
        return [] if self.fingerprint else ["no fingerprint"]
