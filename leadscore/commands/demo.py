"""The whole loop on simulated journeys, in one command.

The journeys are cut at two moments: what was known until the first is ingested, trained on and
scored; what came until the second tells which scores were right, and the operating loop takes the
challenger further. Then a broken version is tried, and what came last takes it back.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from config.settings import Settings, load_settings, write_home_settings
from console import PORT
from domain.clock import DAY, SECOND, from_us, iso
from domain.errors import BadInput
from domain.scores import ScoreAnswer
from domain.signals import Counts, Receipt, Signal, decode
from domain.versions.manifest import ModelVersion, Stage
from jobs.interrupts import interrupts_restored
from leadscore.commands import demo_loop
from leadscore.commands.leads import story
from leadscore.terminal.output import put, say
from leadscore.terminal.progress import counting, training_progress
from registry.rollout_state import Rollout

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
MARK = "demo"
DAYS = 310
AFTER_DAYS = 40
"""How much comes after a cut: a horizon, and the time that outcomes take to arrive."""

CHAMPION = {"trials": 5, "iterations": 200, "border_count": 64}
CHALLENGER = {"trials": 8, "iterations": 250, "border_count": 64, "seed": 11}
BATCH = 250
WAIT_S = 30.0
WATCHED = 200
MINUTE = 60 * SECOND
Watched = tuple[ScoreAnswer, ScoreAnswer]
"""One lead's answers before and after new signals."""


def run(leads: int, seed: int, home: Path | None) -> None:
    """Run it, and leave a home in which every other command works."""
    began = time.monotonic()
    settings = _fresh_home(home)
    folder = settings.home / MARK
    before, after, last = _simulate(folder, leads, seed)
    counts = _ingest(settings, before, "what was known until the cut")
    champion = _train(settings, "champion", CHAMPION, Stage.CHAMPION)
    challenger = _train(settings, "challenger", CHALLENGER, Stage.CHALLENGER)
    demo_loop.schedule(settings)
    plan = demo_loop.start(settings)
    answers, watched = _serve_and_score(settings)
    counts += _ingest(settings, after, f"the {AFTER_DAYS} days after the cut")
    verdict = _compare(settings)
    _heading("operating: the report, and the next step of the rollout")
    steps = [demo_loop.step(settings, plan)]
    broken = _broken(settings, challenger.label)
    counts += _ingest(settings, last, f"{AFTER_DAYS} days more")
    _heading("operating: the rollout of the broken version")
    steps.append(demo_loop.step(settings, broken))
    took = time.monotonic() - began
    _summary(counts, [champion, challenger], answers, watched)
    put(f"canary       {verdict}")
    put(f"report       {settings.home / 'reports' / 'report.html'}")
    for what, line in zip(("the loop", ""), steps, strict=True):
        put(f"{what:<13}{line}")
    put(f"took         {took:.0f} s, all of it in {settings.home}")
    _where_next(settings)


def _fresh_home(home: Path | None) -> Settings:
    settings = load_settings()
    if home is not None:
        settings = msgspec.structs.replace(settings, home=home)
    if settings.home.exists() and any(settings.home.iterdir()):
        if not (settings.home / MARK).is_dir():
            raise BadInput(
                "the home holds data that the demonstration did not create",
                rule="demo-home",
                where=str(settings.home),
                todo="Set LEADSCORE_HOME to another folder, or give --home DIR.",
            )
        shutil.rmtree(settings.home)
    (settings.home / MARK).mkdir(parents=True)
    write_home_settings(settings.home, clock="watermark")
    return msgspec.structs.replace(settings, clock="watermark")


def _simulate(folder: Path, leads: int, seed: int) -> list[Path]:
    """Simulate, and cut the file in three, each time at a moment of delivery."""
    from simulation.scenarios import scenario
    from simulation.simulator import simulate
    from simulation.writer import write

    _heading(f"simulating {leads:,} leads over {DAYS} days")
    whole = folder / "journeys.jsonl"
    written = write(simulate(leads, seed, scenario("steady"), days=DAYS), whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    known = [_known(line) for line in lines]
    cuts = [max(known) - days * DAY for days in (2 * AFTER_DAYS, AFTER_DAYS)]
    at = [next(i for i, k in enumerate(known) if k > cut) for cut in cuts]
    parts = [folder / f"{name}.jsonl" for name in ("before", "after", "last")]
    for path, begin, end in zip(parts, (0, *at), (*at, len(lines)), strict=True):
        path.write_bytes(b"".join(lines[begin:end]))
    say(f"  {written.received:,} signals, cut at {' and '.join(iso(cut)[:10] for cut in cuts)}")
    return parts


def _known(line: bytes) -> int:
    try:
        signal: Signal = decode(line)
    except msgspec.DecodeError:
        return 0
    return signal.known_us() if signal.time.year < 2100 else 0


def _ingest(settings: Settings, file: Path, what: str) -> Counts:
    from jobs.signals.ingest_files import ingest_files

    _heading(f"ingesting {what}: contracts, identity, state, online features")
    with counting("signals") as counter, interrupts_restored():
        return ingest_files(settings, [str(file)], None, counter.add)[str(file)]


def _train(settings: Settings, what: str, changes: dict[str, int], stage: Stage) -> ModelVersion:
    from jobs.models.train import train
    from training.config import TrainingConfig

    _heading(f"training the {what}")
    config = msgspec.structs.replace(TrainingConfig(), **changes)
    with interrupts_restored(), training_progress() as progress:
        version = train(settings, config, progress, "demo")
    return _promoted(settings, version.label, stage)


def _promoted(settings: Settings, label: str, stage: Stage) -> ModelVersion:
    """Promote by the gates; where one refuses, overrule it aloud, for the loop must go on.

    With few leads, or in a world of another seed, chance may make a gate refuse.
    """
    from registry.promotion import Terms, promote
    from registry.transitions import GateRefusal
    from wiring.registry import open_registry

    registry, terms = open_registry(settings), Terms(weight=None)
    try:
        done = promote(registry, label, stage, by="demo", reason="demonstration", terms=terms)
    except GateRefusal as refusal:
        say(f"  {refusal}")
        say("  the demonstration overrules it, as `--override --reason` does, to go on")
        done = promote(
            registry,
            label,
            stage,
            by="demo",
            reason="demonstration: overruled to go on",
            override=True,
            terms=terms,
        )
    passed = ", ".join(g.name for g in done.gates if g.passed)
    say(f"  {label} is {stage}; gates passed: {passed}")
    return done.version


def _serve_and_score(settings: Settings) -> tuple[list[ScoreAnswer], Watched]:
    """Score every lead over HTTP; then send one lead's new signals, and score it again."""
    import httpx

    from serving.supervisor import running
    from wiring.signals import open_signals

    _heading("serving on a free port, scoring over HTTP")
    directory = open_signals(settings).directory
    with running(settings) as url, httpx.Client(base_url=url, timeout=WAIT_S) as http:
        answers = _score_all(settings, http)
        lead, crm_id = _lead_to_watch(settings, answers)
        interest = {"events": _new_interest(crm_id, directory.watermark_us())}
        sent = _posted(http, "/events", interest, Receipt)
        say(f"  {sent.accepted} new signals of one lead sent, scored again")
        fresh = _posted(http, "/score", {"identifiers": {"crm_id": crm_id}}, ScoreAnswer)
    return answers, (lead, fresh)


def _score_all(settings: Settings, http: "httpx.Client") -> list[ScoreAnswer]:
    """Score every lead over HTTP."""
    from serving.http.answers import BatchAnswer
    from wiring.signals import open_signals

    ids = [str(ref.lead_id) for ref in open_signals(settings).directory.all()]
    answers: list[ScoreAnswer] = []
    with counting("leads scored") as counter:
        for at in range(0, len(ids), BATCH):
            batch = {"lead_ids": ids[at : at + BATCH]}
            part = _posted(http, "/score_batch", batch, BatchAnswer).answers
            answers += part
            counter.add(len(part))
    return answers


def _posted(http: "httpx.Client", path: str, body: object, kind: type[T]) -> T:
    """The answer of the service. Raises the error that it answers with."""
    from serving.problems import error_of_answer

    headers = {"content-type": "application/json"}
    answer = http.post(path, content=msgspec.json.encode(body), headers=headers)
    if not answer.is_success:
        raise error_of_answer(answer.status_code, answer.content)
    return msgspec.json.decode(answer.content, type=kind)


def _lead_to_watch(settings: Settings, answers: Sequence[ScoreAnswer]) -> tuple[ScoreAnswer, str]:
    """A lead in the middle of the ranking that could still be won, and its CRM id."""
    from wiring.signals import open_signals

    directory = open_signals(settings).directory
    by_lead = {}
    for line in (settings.home / MARK / "before.jsonl").read_bytes().splitlines():
        if b"crm.lead_created" in line and _known(line):
            crm_id = str(decode(line).identifiers["crm_id"])
            by_lead[str(directory.find({"crm_id": crm_id}).lead_id)] = crm_id
        if len(by_lead) == WATCHED:
            break
    able = [a for a in answers if a.lead_id in by_lead and a.decision.eligible]
    lead = sorted(able, key=lambda a: a.score)[len(able) // 2]
    return lead, by_lead[lead.lead_id]


def _new_interest(crm_id: str, now_us: int) -> list[Signal]:
    """What a lead that gets serious does within minutes."""
    steps: Sequence[tuple[str, dict[str, str]]] = (
        ("web.page_viewed", {"page": "pricing"}),
        ("web.page_viewed", {"page": "pricing"}),
        ("web.form_submitted", {"form": "demo"}),
    )
    return [
        Signal(
            id=f"demo-{now_us}-{i}",
            source="web",
            type=kind,
            data=data,
            time=from_us(now_us + i * MINUTE),
            identifiers={"crm_id": crm_id},
        )
        for i, (kind, data) in enumerate(steps, 1)
    ]


def _compare(settings: Settings) -> str:
    from jobs.models.canary import compare_versions
    from jobs.models.canary_record import keep_verdict
    from monitoring.canary_report import to_markdown

    _heading("comparing champion and challenger on outcomes that have matured")
    verdict = compare_versions(settings, None, None)
    keep_verdict(settings, verdict)
    (settings.home / "reports" / "canary.md").write_text(to_markdown(verdict))
    return f"{verdict.outcome}; {settings.home / 'reports' / 'canary.md'}"


def _broken(settings: Settings, label: str) -> Rollout:
    """Let a broken version be the challenger, and score every lead once more."""
    import httpx

    from serving.supervisor import running

    _heading("trying a broken version: like the challenger, its scores shuffled")
    broken = demo_loop.register_broken(settings, label)
    _promoted(settings, broken, Stage.CHALLENGER)
    plan = demo_loop.start(settings)
    with running(settings) as url, httpx.Client(base_url=url, timeout=WAIT_S) as http:
        _score_all(settings, http)
    return plan


def _summary(
    counts: Counts,
    versions: Sequence[ModelVersion],
    answers: Sequence[ScoreAnswer],
    watched: Watched,
) -> None:
    put()
    put(
        f"signals      {counts.received:,} received = {counts.accepted:,} accepted "
        f"+ {counts.duplicates:,} duplicates + {counts.quarantined:,} quarantined"
    )
    grades = {g: sum(a.grade == g for a in answers) for g in "ABCD"}
    put(
        f"leads        {len(answers):,} scored over HTTP: "
        + ", ".join(f"{n:,} {g}" for g, n in grades.items())
    )
    for version in versions:
        m = version.metrics
        put(
            f"{version.stage:12} {version.label}: AUROC {m['auroc']}, "
            f"lift at 10% {m['lift_at_10pct']}, calibration error {m['calibration_error']}"
        )
    before, after = watched
    put(f"\nOne lead, {before.score:.1%} and grade {before.grade} before three new signals, now:")
    put(story(after) + "\n")


def _where_next(settings: Settings) -> None:
    home = "" if settings.home == Settings().home else f"LEADSCORE_HOME={settings.home} "
    steps = (
        ("make serve", f"answers on http://{settings.host}:{settings.port}"),
        (".venv/bin/leadscore --help", "every other command, such as `models list`"),
        (f".venv/bin/mlflow ui --backend-store-uri sqlite:///{settings.home / 'mlflow.db'}", ""),
        (".venv/bin/leadscore console", f"look and act on http://127.0.0.1:{PORT}/console"),
    )
    put("\nWhere to look next:")
    for command, what in steps:
        put(f"  {home}{command:<31}{what}".rstrip())


def _heading(text: str) -> None:
    say(f"\n== {text}")
