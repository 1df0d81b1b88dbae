"""Random small worlds of events, for properties."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from domain.signals import Signal, encode
from signals.events.event_log import logged
from signals.events.validation import ValidEvent

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

kinds = st.one_of(
    st.builds(
        lambda page: ("web.page_viewed", {"page": page}),
        st.sampled_from(["pricing", "docs", "blog"]),
    ),
    st.builds(
        lambda form: ("web.form_submitted", {"form": form}), st.sampled_from(["demo", "contact"])
    ),
    st.just(("product.feature_used", {"feature": "invite"})),
    st.just(("marketing.email_opened", {})),
    st.builds(lambda n: ("support.ticket_closed", {"satisfaction": n}), st.integers(1, 5)),
    st.builds(
        lambda n, c: ("crm.lead_updated", {"employees": n, "country": c}),
        st.integers(1, 500),
        st.sampled_from(["DE", "FR", "US"]),
    ),
    st.just(("crm.deal_won", {})),
)
some_marked = st.one_of(
    kinds,
    kinds,
    st.builds(
        lambda kind, name: (kind[0], kind[1] | {"actionid": name}),
        kinds,
        st.sampled_from(["action-1", "action-2"]),
    ),
)
"""Types with their data; some of them are caused by an action of ours, which `signal_of` names."""
people = st.lists(
    st.one_of(
        st.tuples(st.just("cookie"), st.sampled_from("abcd")),
        st.tuples(
            st.just("email"),
            st.sampled_from(["x@one.com", "y@one.com", "z@two.org", "q@gmail.com", "w@one.com"]),
        ),
        st.tuples(st.just("crm_id"), st.sampled_from("12")),
    ),
    min_size=1,
    max_size=2,
)
minutes = st.integers(0, 40 * 24 * 60)
lags = st.sampled_from([0, 0, 0, 1, 600, 4 * 24 * 60])
drafts = st.tuples(minutes, lags, people, kinds)
marked_drafts = st.tuples(minutes, lags, people, some_marked)
Draft = tuple[int, int, list[tuple[str, str]], tuple[str, dict[str, Any]]]


def signal_of(draft: Draft, name: str) -> Signal:
    """An event that happened at a minute, and became known a lag later."""
    at, lag, who, (kind, data) = draft
    identifiers: dict[str, str | list[str]] = {}
    for key, value in who:
        identifiers[key] = [*identifiers.get(key, []), value]
    return Signal(
        id=name,
        source="tests",
        type=kind,
        time=BEGIN + timedelta(minutes=at),
        recordedtime=BEGIN + timedelta(minutes=at + lag),
        actionid=data.get("actionid"),
        identifiers=identifiers,
        data={key: value for key, value in data.items() if key != "actionid"},
    )


def accepted(signal: Signal) -> ValidEvent:
    """The signal as the log would give it back."""
    return logged(encode(signal), "5" + "0" * 32, "")
