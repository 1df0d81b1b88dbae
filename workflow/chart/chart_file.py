"""The file of a workflow, read and held against itself."""

from pathlib import Path

from domain.errors import BadConfiguration
from storage.typed_yaml import YamlFile
from workflow.chart.spec import WorkflowSpec
from workflow.chart.statechart import Statechart

STANDARD_FILE = Path(__file__).parents[1] / "workflow.yaml"
_RULE = "workflow-file"
_TODO = "docs/workflow.md tells every key."


def read_chart(path: Path) -> Statechart:
    """A statechart by its file. Raises BadConfiguration, naming file, line and key."""
    file = YamlFile(path, _RULE, todo=_TODO)
    spec = file.to(WorkflowSpec)
    try:
        return Statechart(spec)
    except BadConfiguration as bad:
        file.locate(bad)
        raise
