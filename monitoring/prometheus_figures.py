"""What a Prometheus server says of a rollout's arm, beside what the audit trail says.

The audit trail holds every answer; requests that the service refused, or that were given up, are
counted by its metrics alone. Of both sources the worse figure is taken, and a server that was named
and does not tell is missing evidence, not good evidence.
"""

import math

import httpx
import msgspec

from domain.errors import Unavailable
from registry.rollout_decision import ArmFigures

NAME = "Prometheus"
FAULTS = "unavailable|no-model|internal|timed-out|saturated"
"""Outcomes of requests that are the service's fault."""
TIMEOUT_S = 5.0
MOST_BYTES = 1_000_000
LONGEST_S = 30 * 86_400
_SECONDS = 'leadscore_answer_seconds_bucket{endpoint="score",arm="challenger"}'


class _Sample(msgspec.Struct, frozen=True):
    value: tuple[float, str]


class _Data(msgspec.Struct, frozen=True):
    result: list[_Sample]


class _Answer(msgspec.Struct, frozen=True):
    data: _Data


def prometheus_figures(url: str, since_s: float) -> ArmFigures:
    """Errors and latency over the last `since_s` seconds, by the server at `url`.

    `error_rate` is of all requests: no refused one belongs to an arm. Figures are None where the
    server has none; where it does not answer, `absent` says so.
    """
    window = f"{int(min(max(since_s, 60), LONGEST_S))}s"
    wanted = {
        "error_rate": f'sum(rate(leadscore_answers_total{{outcome=~"{FAULTS}"}}[{window}]))'
        f" / sum(rate(leadscore_answers_total[{window}]))",
        "p99_ms": f"1000 * histogram_quantile(0.99, sum by (le) (rate({_SECONDS}[{window}])))",
    }
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            figures = {name: _ask(client, url, query) for name, query in wanted.items()}
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, ValueError):
        return ArmFigures(absent=(NAME,))
    return ArmFigures(error_rate=figures["error_rate"], p99_ms=figures["p99_ms"])


def instant_value(url: str, query: str) -> float | None:
    """What the server says to a query of one sample; None where it has none.

    Raises Unavailable where it does not answer, or says something else.
    """
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            return _ask(client, url, query)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, ValueError) as bad:
        what = f"Prometheus did not answer ({type(bad).__name__})"
        raise Unavailable(what, rule="prometheus-available") from bad


def worse_of(one: ArmFigures, other: ArmFigures) -> ArmFigures:
    """Both sources' figures, the worse of each; counts and degraded answers are the first's."""

    def worse(name: str) -> float | None:
        values = [v for v in (getattr(one, name), getattr(other, name)) if v is not None]
        return max(values, default=None)

    return msgspec.structs.replace(
        one,
        error_rate=worse("error_rate"),
        p99_ms=worse("p99_ms"),
        absent=(*one.absent, *other.absent),
    )


def _ask(client: httpx.Client, url: str, query: str) -> float | None:
    """The value of an instant query of one sample; None where there is none, or no number."""
    with client.stream(
        "GET", f"{url.rstrip('/')}/api/v1/query", params={"query": query}
    ) as response:
        response.raise_for_status()
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise ValueError(f"an answer has more than {MOST_BYTES:,} bytes")
    samples = msgspec.json.decode(body, type=_Answer).data.result
    value = float(samples[0].value[1]) if samples else math.nan
    return value if math.isfinite(value) else None
