"""No personal data reaches a message: what is planted wherever texts come from stays away."""

import string
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from jobs.alerts.alarms import alarms
from monitoring.alarms.alarm import AlarmState, Sighting, message_of
from monitoring.alarms.catalogue import LOOKED
from tests.alerts.homes import decided, decision, draft, home, noted
from tests.alerts.receivers import web_receiver

NAMES = st.text(string.ascii_lowercase, min_size=5, max_size=12)
ADDRESS = st.builds("{}.{}@{}.test".format, NAMES, NAMES, NAMES)
NUMBER = st.integers(2_000_000_000, 9_999_999_999).map(lambda n: f"+1 {n}")
MARKS = st.one_of(ADDRESS, NUMBER)
AROUND = st.sampled_from(["{}", "lead {}", "{} is away", "value {}, limit 3"])


@limits(max_examples=300)
@given(mark=MARKS, around=AROUND, kind=st.sampled_from(LOOKED), event=st.sampled_from("oe"))
def test_addresses_and_numbers_are_taken_out_wherever_they_stand(
    mark: str, around: str, kind: str, event: str
) -> None:
    text = around.format(mark)
    seen = Sighting(kind=kind, subject=text, evidence=(text,), acted=text)  # type: ignore[arg-type]
    alarm = AlarmState(
        id=1,
        kind=seen.kind,
        subject=seen.subject,
        evidence=seen.evidence,
        acted=seen.acted,
        opened_us=0,
        seen_us=0,
        notified_us=0,
    )
    message = message_of(alarm, "opened" if event == "o" else "ended", "docs/runbooks")
    whole = f"{message.title} {message.text}"
    assert mark not in whole
    assert mark.partition("@")[0] not in whole


def test_what_is_planted_in_a_home_reaches_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names have no form of their own: they stay away because no look takes such a text."""
    mark = "Xenia Markworthy"
    settings = home(tmp_path)
    (settings.home / "alerts.yaml").write_text(
        "version: 1\nlimits: {disk_free_share: 1, least_decisions: 10}\n"
        "channels: {hook: {url_variable: ALERTS_HOOK}}\n"
    )
    person = {"by": mark, "subject": mark}
    noted(settings, draft("rollout_started", mark, **person))
    noted(settings, draft("rollout_held", mark, **person))
    noted(settings, draft("rollout_rolled_back", "error_rate is 0.2, the limit is 0.1", **person))
    plain = [decision(n, degraded=True, stale_s=90_000.0, took_us=1) for n in range(20)]
    marked = [
        msgspec.structs.replace(
            record,
            account_id=mark,
            texts=(mark,),
            facts=msgspec.structs.replace(record.facts, profile={"name": mark}),
        )
        for record in plain
    ]
    decided(settings, marked)
    with web_receiver() as web:
        monkeypatch.setenv("ALERTS_HOOK", web.url)
        result = alarms(settings)
    assert {a.kind for a in result.open} >= {"rollout-rolled-back", "answers-degraded"}
    told = " ".join(f"{post['title']} {post['message']}" for post in web.posted)
    assert len(web.posted) == len(result.open)
    shown = msgspec.json.encode(result).decode()
    page = (settings.home / "metrics" / "leadscore_alarms.prom").read_text()
    for word in mark.split():
        assert word not in told + shown + page
