"""Lineage as OpenLineage events: which run read and wrote which data sets.

Loading this module loads OpenLineage: only emitters do. See https://openlineage.io/spec.
"""

from typing import Literal

import attr
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
)
from openlineage.client.serde import Serde

PRODUCER = "urn:leadscore"
NAMESPACE = "leadscore"

State = Literal["START", "COMPLETE", "FAIL", "ABORT"]


@attr.define
class EventLogFacet(DatasetFacet):
    """How far the event log was read: its first `events`, up to a moment, and their digest."""

    watermark: str
    events: int
    hash: str


@attr.define(frozen=True)
class LineageDataset:
    """Something that a run reads or makes: a name, and which version of it ("" unknown).

    `log` is where it is the event log.
    """

    name: str
    version: str = ""
    log: EventLogFacet | None = None


def event_log(watermark: str, events: int, digest: str) -> LineageDataset:
    """The event log, as far as a run read it; `watermark` in RFC 3339."""
    facet = EventLogFacet(watermark=watermark, events=events, hash=digest, producer=PRODUCER)
    return LineageDataset("event_log", digest, facet)


def event(
    state: State,
    job: str,
    run_id: str,
    at: str,
    *,
    inputs: tuple[LineageDataset, ...] = (),
    outputs: tuple[LineageDataset, ...] = (),
    error: str = "",
) -> bytes:
    """One OpenLineage run event as JSON in one line; `run_id` is a UUID, `at` in RFC 3339."""
    facets: dict[str, RunFacet] = {}
    if error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=error, programmingLanguage="python", producer=PRODUCER
        )
    kind = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="LEADSCORE", jobType="COMMAND", producer=PRODUCER
    )
    run_event = RunEvent(
        eventType=RunState[state],
        eventTime=at,
        run=Run(runId=run_id, facets=facets),
        job=Job(namespace=NAMESPACE, name=job, facets={"jobType": kind}),
        inputs=[InputDataset(namespace=NAMESPACE, name=d.name, facets=_of(d)) for d in inputs],
        outputs=[OutputDataset(namespace=NAMESPACE, name=d.name, facets=_of(d)) for d in outputs],
        producer=PRODUCER,
    )
    return Serde.to_json(run_event).encode()


def _of(data: LineageDataset) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {}
    if data.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=data.version, producer=PRODUCER
        )
    if data.log is not None:
        facets["leadscore_eventLog"] = data.log
    return facets
