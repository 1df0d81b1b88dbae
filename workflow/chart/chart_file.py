"""The file of a workflow, read and held against itself."""

from pathlib import Path

from domain.errors import BadConfiguration, BadInput
from storage.typed_yaml import YamlFile
from workflow.chart.spec import WorkflowSpec
from workflow.chart.statechart import Statechart

STANDARD_FILE = Path(__file__).parents[1] / "workflow.yaml"
_RULE = "workflow-file"
_TODO = "docs/workflow.md tells every key."


def read_chart(path: Path, label: str = "") -> Statechart:
    """A statechart by its file. Raises BadConfiguration, naming file, line and key.

    `label` is that of a registered version; without one it is the file's name and version.
    """
    file = YamlFile(path, _RULE, todo=_TODO)
    spec = file.to(WorkflowSpec)
    try:
        return Statechart(spec, label)
    except BadConfiguration as bad:
        file.locate(bad)
        raise


def present(path: Path) -> Path:
    """The path, where there is a file. Raises BadInput."""
    if not path.is_file():
        raise BadInput("there is no such file", rule="workflow-file", where=str(path))
    return path
