"""Card, audit, charts and pages: whole, readable by machines, and safe whatever names say."""

import re
import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest

from domain.measurement import Interval
from domain.versions.manifest import Manifest, open_sealed
from tests.training import worlds
from tests.training.test_run import execute
from training.config import Audit, Fairness
from training.evaluation.baselines import Scores
from training.evaluation.evaluate import evaluate
from training.evaluation.fairness import FAIRNESS_FILE, FairnessReport
from training.evaluation.results import EVALUATION_FILE, Evaluation
from training.report.charts import Chart, charts
from training.report.charts_html import figures_html
from training.report.charts_png import write_png
from training.report.html_page import page, table
from training.report.model_card import model_card

ASKED = Fairness(
    groups=(Audit(feature="country"), Audit(feature="size", bins=(0.3, 0.6))), min_rows=10
)
EXCLUDED = ("country",)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    place = tmp_path_factory.mktemp("pages")
    return execute(place, worlds.journeys(400), fairness=ASKED, exclude=EXCLUDED)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    data = worlds.dataset(300, 5)
    told = np.random.default_rng(1).uniform(0.05, 0.95, 300)
    rivals = [Scores("scorecard", told[::-1].copy(), "x"), Scores("champion", None, "none")]
    return evaluate(data, told, rivals, seed=1, draws=20)


def test_a_folder_holds_everything_sealed(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    drawn = [f"plots/{n}.png" for n in ("reliability", "gains", "decision", "stability")]
    pages = ["card.md", "card.html", "evaluation.html", "fairness.md", "fairness.html"]
    for name in (*drawn, *pages, "plots/baselines.png", EVALUATION_FILE, FAIRNESS_FILE):
        assert name in manifest.files, name
    assert msgspec.json.encode(open_sealed(folder)) == msgspec.json.encode(manifest)
    read = msgspec.json.decode((folder / EVALUATION_FILE).read_bytes(), type=Evaluation)
    for name in ("auroc", "calibration_error", "lift_at_10pct"):
        assert read.metrics[name] == manifest.metrics[name]
    assert [r.name for r in read.rivals] == ["prior", "scorecard", "static", "champion"]
    assert read.rivals[2].over["auroc"] == manifest.metrics["auroc_over_static"]


def test_groups_are_audited_by_what_the_version_does_not_know(
    made: tuple[Path, Manifest],
) -> None:
    folder, manifest = made
    assert not set(EXCLUDED) & set(manifest.features)
    report = msgspec.json.decode((folder / FAIRNESS_FILE).read_bytes(), type=FairnessReport)
    by_country, by_size = report.features
    assert {g.name for g in by_country.groups} == {"DE", "FR", "US", "missing"}
    assert {g.name for g in by_size.groups} == {"below 0.3", "0.3 to below 0.6", "0.6 and more"}
    worst = max(by_country.gaps["selection"], by_size.gaps["selection"], key=lambda g: g.low)
    assert manifest.metrics["fairness_selection_gap"] == worst


@pytest.mark.parametrize("name", ["card", "fairness", "evaluation"])
def test_pages_need_no_network(made: tuple[Path, Manifest], name: str) -> None:
    text = (made[0] / f"{name}.html").read_text(encoding="utf-8")
    outside = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"""(src|href)\s*=|url\(|@import""", outside)
    assert not re.search(r"<script[^>]+src", text)
    assert text.count("<html") == text.count("</html>") == 1


def test_the_interactive_page_has_each_chart_and_one_script(made: tuple[Path, Manifest]) -> None:
    text = (made[0] / "evaluation.html").read_text(encoding="utf-8")
    for name in ("reliability", "gains", "decision", "stability", "baselines", "importance"):
        assert text.count(f'id="{name}"') == 1
    assert len(text) < 6_000_000


def test_the_card_says_what_it_must(made: tuple[Path, Manifest]) -> None:
    text = (made[0] / "card.md").read_text(encoding="utf-8")
    manifest = made[1]
    for part in ("Purpose", "Data", "Beside baselines", "Over time", "Groups", "Limits"):
        assert part in text
    assert "leadscore rollback" in text
    assert f"| AUROC | {manifest.metrics['auroc'].value:.4f} |" in text
    assert "profile only" in text
    assert "there is no champion" in text
    assert "rule `every`" in text
    assert "nan" not in text.lower().split()


def test_the_card_says_what_level_was_taken(made: tuple[Path, Manifest], found: Evaluation) -> None:
    assert "Its level is not shifted." in model_card(made[1], {}, found)
    shifted = msgspec.structs.replace(made[1].calibrator, shift=-0.5)
    gain = Interval(value=0.004, low=0.001, high=0.007)
    for gains, rows in (({"level": gain}, "latest quarter"), ({"shift": gain}, "all rows")):
        other = msgspec.structs.replace(made[1], calibrator=shifted, calibrator_gains=gains)
        text = model_card(other, {}, found)
        assert "shifted by -0.500" in text
        assert "0.61" in text
        assert rows in text
        assert "| +0.00400 | +0.00100 to +0.00700 |" in text


def test_without_groups_the_card_says_so(made: tuple[Path, Manifest], found: Evaluation) -> None:
    text = model_card(made[1], {}, found)
    assert "No groups are configured" in text
    warned = msgspec.structs.replace(made[1], warnings=("one account holds 90% of positives",))
    assert "- one account holds 90% of positives" in model_card(warned, {}, found)


def drawn_of(found: Evaluation) -> tuple[Chart, ...]:
    return charts(found, {f"f{i}": float(i) for i in range(30)})


def test_charts_draw_what_was_measured(found: Evaluation) -> None:
    held = {chart.name: chart for chart in drawn_of(found)}
    line = held["reliability"].lines[-1]
    assert list(line.y) == [b.observed.value for b in found.reliability]
    assert len(held["importance"].lines[0].x) == 20
    assert held["importance"].lines[0].x[0] == "f29"
    assert [str(x) for x in held["baselines"].lines[0].x] == ["this version", "scorecard"]
    benefit = {line.name: line for line in held["decision"].lines}
    assert set(benefit) == {"no one", "everyone", "scorecard", "this version"}
    assert list(benefit["this version"].y) == [i.value for i in found.benefit.score]


def test_pictures_are_pictures(found: Evaluation, tmp_path: Path) -> None:
    write_png(drawn_of(found), tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 6
    for path in tmp_path.glob("*.png"):
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        assert 400 < width < 1500
        assert 150 < height < 1500


def test_a_part_of_one_class_is_left_out_of_its_chart(found: Evaluation) -> None:
    slices = (msgspec.structs.replace(found.slices[0], auroc=None), *found.slices[1:])
    chart = {c.name: c for c in drawn_of(msgspec.structs.replace(found, slices=slices))}[
        "stability"
    ]
    assert len(chart.lines[-1].x) == len(found.slices) - 1
    assert "stability" in figures_html([chart])


def test_names_are_no_markup() -> None:
    text = table(["group"], [["<script>alert(1)</script>"], ["a|b\nc"]])
    shown = page("<b>title</b>", text)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<title>&lt;b&gt;" in shown
    assert shown.count("<tr>") == 3
