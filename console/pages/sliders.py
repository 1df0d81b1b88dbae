"""Which features of a lead may be taken to be otherwise on its page, and within which bounds."""

from collections.abc import Mapping, Sequence

import msgspec

from console.frame.parameters import Parameters
from console.home import ConsoleHome
from domain.decisions import DecisionRecord
from domain.errors import LeadscoreError
from domain.versions.input_profile import InputProfile, read_profile
from domain.what_if import FeatureValue
from feature_repo.catalogue import catalogue
from jobs.decisions.audit_export import Namer
from scoring.profile_only_version import version_of

MOST = 8
"""Features that a page offers: those of the reasons first, then of the profile."""
STEPS = 100
MOST_CHOICES = 60


class Slider(msgspec.Struct, frozen=True, kw_only=True):
    """A feature: its value now and as it is shown, and bounds or choices, "" for missing."""

    name: str
    text: str
    unit: str
    was: str
    value: str
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    choices: tuple[str, ...] = ()

    def at(self, texts: Mapping[str, str]) -> "Slider":
        """The same, showing what a form says."""
        return msgspec.structs.replace(self, value=texts.get(self.name, self.value))


def sliders_of(home: ConsoleHome, record: DecisionRecord) -> list[Slider]:
    """The sliders of a lead, by its newest decision and the version that made it."""
    try:
        folder, manifest = home.model(version_of(record.answer.versions.model))
    except LeadscoreError:
        return []
    profile = read_profile(folder)
    if profile is None:
        return []
    plain = Namer(home.settings).named(record)
    if isinstance(plain["features"], list):
        return []
    values: dict[str, FeatureValue] = {**plain["features"], **plain["texts"]}
    features = {f.name: f for f in catalogue(manifest.definition)}
    wanted = [r.feature for r in record.answer.reasons]
    wanted += [f.name for f in features.values() if f.group == f.name]
    sliders = [
        _slider(name, values.get(name), profile, features[name].text, features[name].unit)
        for name in dict.fromkeys(wanted)
        if name in features and name in manifest.features
    ]
    return [one for one in sliders if one is not None][:MOST]


def wanted_changes(sliders: Sequence[Slider], form: Parameters) -> dict[str, FeatureValue]:
    """The features that a form says otherwise. Raises BadInput for what is no number."""
    changes: dict[str, FeatureValue] = {}
    for one in sliders:
        if one.name not in form or form.text(one.name) == one.was:
            continue
        text = form.text(one.name)
        if one.choices or not text:
            changes[one.name] = text or None
        else:
            changes[one.name] = form.number(one.name, -1e12, 1e12)
    return changes


def _slider(
    name: str, value: FeatureValue, profile: InputProfile, text: str, unit: str
) -> Slider | None:
    number = next((n for n in profile.numbers if n.name == name), None)
    if number is not None and number.low is not None and number.high is not None:
        own = value if isinstance(value, float) else number.low
        low, high = min(number.low, own), max(number.high, own)
        was = f"{value:.6g}" if isinstance(value, float) else ""
        step = float(f"{(high - low) / STEPS or 0.01:.1g}")
        return Slider(
            name=name, text=text, unit=unit, was=was, value=was, low=low, high=high, step=step
        )
    category = next((c for c in profile.categories if c.name == name), None)
    if category is None or not category.values or len(category.values) > MOST_CHOICES:
        return None
    chosen = str(value or "")
    choices = tuple(dict.fromkeys(("", chosen, *category.values)))
    return Slider(name=name, text=text, unit="", was=chosen, value=chosen, choices=choices)
