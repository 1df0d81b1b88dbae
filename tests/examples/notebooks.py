"""Runs the notebooks in examples/, and writes their outputs anew:

    LEADSCORE_HOME=HOME python -m tests.examples.notebooks

with a home that has a champion and scored leads. What a cell writes to standard error is left out:
it is of the machine that it ran on.
"""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
TIMEOUT_S = 900


def executed(name: str, home: Path) -> NotebookNode:
    """A notebook with its outputs on a home, run in a kernel of its own."""
    notebook: NotebookNode = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3")
    client.create_kernel_manager().transport = "ipc"
    # what MLflow was told in this process is not the kernel's
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment = {**own, "LEADSCORE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    for each in NAMES:
        made = executed(each, Path(os.environ["LEADSCORE_HOME"]).resolve())
        nbformat.write(made, FOLDER / f"{each}.ipynb")  # type: ignore[no-untyped-call]
