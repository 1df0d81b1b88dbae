"""The newest verdict on champion and challenger, kept beside the reports to be looked at."""

import msgspec

from config.settings import Settings
from domain.clock import SystemClock, iso, to_us
from monitoring.canary import CanaryVerdict
from storage.files import write_whole

VERDICT = "canary.json"


class KeptVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and when it was made, RFC 3339."""

    at: str
    verdict: CanaryVerdict


def keep_verdict(settings: Settings, verdict: CanaryVerdict) -> None:
    """Write a verdict where `kept_verdict` finds it, whole, in place of the one before."""
    folder = settings.home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    kept = KeptVerdict(at=iso(to_us(SystemClock().now())), verdict=verdict)
    write_whole(folder / VERDICT, msgspec.json.format(msgspec.json.encode(kept)))


def kept_verdict(settings: Settings) -> KeptVerdict | None:
    """The newest verdict; None where there is none, or it is of a form that is not known."""
    try:
        body = (settings.home / "reports" / VERDICT).read_bytes()
        return msgspec.json.decode(body, type=KeptVerdict)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
