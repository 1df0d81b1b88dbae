"""The raw columns of each data set, as somebody with a table and CatBoost would take them.

Each function reads the files themselves, not what this product made of them, and gives a table of
raw columns for (raw id, moment) pairs: what was known of each by its moment.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

SELECT = "Select"
X_EDUCATION = (
    "Lead Origin",
    "Lead Source",
    "Do Not Email",
    "Do Not Call",
    "TotalVisits",
    "Total Time Spent on Website",
    "Page Views Per Visit",
    "Country",
    "Specialization",
    "How did you hear about X Education",
    "What is your current occupation",
    "What matters most to you in choosing a course",
    "Search",
    "Newspaper Article",
    "X Education Forums",
    "Newspaper",
    "Digital Advertisement",
    "Through Recommendations",
    "City",
    "A free copy of Mastering The Interview",
)
"""All columns but those that are written after the outcome, those that never vary, and ids."""

PROFILE = ("country", "industry", "employees", "seniority", "lead_source", "consent")

Moments = pd.DatetimeIndex
Raw = Callable[[Sequence[Path], Sequence[str], Moments], pd.DataFrame]


def olist(files: Sequence[Path], ids: Sequence[str], _: Moments) -> pd.DataFrame:
    """The two columns of the leads' file beside id and date."""
    table = pd.read_csv(files[0], dtype=str).set_index("mql_id")
    return table.loc[list(ids), ["origin", "landing_page_id"]].reset_index(drop=True)


def x_education(files: Sequence[Path], ids: Sequence[str], _: Moments) -> pd.DataFrame:
    """The columns that do not know the outcome."""
    table = pd.read_csv(files[0]).replace(SELECT, np.nan).set_index("Prospect ID")
    return table.loc[list(ids), list(X_EDUCATION)].reset_index(drop=True)


def bpi2012(files: Sequence[Path], ids: Sequence[str], moments: Moments) -> pd.DataFrame:
    """Amount, how often each activity had come and when last, weekday and hour of submission."""
    log = pd.read_csv(files[0])
    log["at"] = pd.to_datetime(log["timestamp"], utc=True)
    log["what"] = log["activity"] + " " + log["lifecycle"]
    log["case_id"] = log["case_id"].astype(str)
    asked = pd.DataFrame({"case_id": list(ids), "moment": moments})
    seen = log.merge(asked, on="case_id")
    seen = seen[seen["at"] <= seen["moment"]]
    by = seen.groupby(["case_id", "what"])["at"]
    counts = by.size().unstack(fill_value=0).add_prefix("count ")
    last = by.max().unstack().apply(lambda c: c.astype("int64").where(c.notna()) / 3.6e12)
    first = log[log["activity"] == "A_SUBMITTED"].groupby("case_id")["at"].min()
    table = counts.join(last.add_prefix("last ")).reindex(list(ids))
    begun = first.reindex(list(ids))
    hours = begun.astype("int64") / 3.6e12
    for name in table.columns:
        if name.startswith("last "):
            table[name] = table[name].to_numpy() - hours.to_numpy()
    table["amount"] = pd.to_numeric(log.groupby("case_id")["amount_req"].first()).reindex(list(ids))
    table["weekday"], table["hour"] = begun.dt.weekday.to_numpy(), begun.dt.hour.to_numpy()
    return table.reset_index(drop=True)


def simulated(journal: Sequence[Path], ids: Sequence[str], moments: Moments) -> pd.DataFrame:
    """How often each event type had come, in all and in 14 days, when last, and the profile.

    `journal` is a pickled frame of the log: each event with the lead that it is of in the end,
    which is more than a table would tell.
    """
    log = pd.read_pickle(journal[0])
    asked = pd.DataFrame({"lead": list(ids), "moment": moments, "row": range(len(ids))})
    seen = log.merge(asked, on="lead")
    seen = seen[seen["known"] <= seen["moment"]]
    recent = seen[seen["at"] > seen["moment"] - pd.Timedelta(days=14)]
    age = (seen["moment"] - seen["at"]).dt.total_seconds() / 86_400
    parts = [
        seen.groupby(["row", "type"]).size().unstack(fill_value=0).add_prefix("count "),
        recent.groupby(["row", "type"]).size().unstack(fill_value=0).add_prefix("recent "),
        age.groupby([seen["row"], seen["type"]]).min().unstack().add_prefix("age "),
        _profile(seen),
    ]
    table: pd.DataFrame = pd.concat([p.reindex(range(len(ids))) for p in parts], axis=1)
    return table


def _profile(seen: pd.DataFrame) -> pd.DataFrame:
    """What the CRM last said of each row's lead."""
    told = seen[seen["type"] == "crm.lead_created"].sort_values("at").groupby("row")["data"].last()
    return pd.DataFrame({name: told.map(lambda held, n=name: held.get(n)) for name in PROFILE})
