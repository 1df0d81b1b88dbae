"""Decision records with chosen scores, moments and shadow scores."""

from domain.decisions import DecisionRecord, Facts
from domain.scores import Decision, ScoreAnswer, VersionSet

DAY_US = 86_400_000_000


def record(
    lead: str,
    at_us: int,
    score: float,
    *,
    model: str = "lead-1",
    shadow: dict[str, float] | None = None,
    account: str = "",
) -> DecisionRecord:
    facts = Facts(
        score=score,
        percentile=50.0,
        grade="D",
        account_known=bool(account),
        profile={},
        features={},
    )
    decision = Decision(
        eligible=True,
        action="none",
        queue="none",
        priority=5,
        next_best_action="none",
        rules=("r",),
    )
    answer = ScoreAnswer(
        lead_id=lead,
        score=score,
        percentile=50.0,
        grade="D",
        reasons=(),
        decision=decision,
        versions=VersionSet(model=model, feature_service="s_v1", policy="p-1"),
        arm="champion",
        features_as_of="2025-01-01T00:00:00Z",
        staleness_s=0.0,
        degraded=False,
        decision_id=f"{lead}-{at_us}-{model}",
        trace_id="",
    )
    return DecisionRecord(
        decided_us=at_us,
        as_of_us=at_us,
        watermark_us=at_us,
        account_id=account,
        features=(),
        texts=(),
        margin=0.0,
        rollout="",
        shadow=shadow or {},
        facts=facts,
        answer=answer,
    )
