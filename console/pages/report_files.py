"""Pages that libraries made: shown whole, in a sandbox of their own."""

from pathlib import Path

from starlette.responses import FileResponse, Response

from console.frame.headers import REPORT_HEADERS
from console.frame.page import Visit, shown
from domain.errors import Missing
from domain.versions.manifest import file_within


def version_page(visit: Visit) -> Response:
    """A page of a version's own folder: its card, its evaluation, its audit of groups."""
    folder, manifest = visit.home.model(visit.path["version"])
    name = visit.path["name"]
    if name not in manifest.files or not name.endswith(".html"):
        raise Missing("this version has no such page", rule="version-page")
    return _page(file_within(folder, name))


def report_page(visit: Visit) -> Response:
    """Evidently's page of the newest report."""
    path = visit.home.settings.home / "reports" / "report.html"
    if not path.is_file():
        raise Missing(
            "there is no report yet",
            rule="report-made",
            todo="`leadscore monitor report` makes one, and so does the operating loop.",
        )
    return _page(path)


def _page(path: Path) -> Response:
    return FileResponse(path, headers=REPORT_HEADERS, media_type="text/html")


PAGES = (
    shown("/models/{version}/pages/{name}", version_page, "", "Models"),
    shown("/monitoring/report", report_page, "", "Monitoring"),
)
