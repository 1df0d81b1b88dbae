"""What can happen in a simulated journey, how often, and in which words."""

from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

LEVELS = 4
"""Levels of hidden intent: dormant, aware, evaluating, ready."""


class SimulatedKind(IntEnum):
    """What happened. The first seven are sampled from intent, the others follow from them."""

    PAGE = 0
    FORM = 1
    FEATURE = 2
    TICKET = 3
    SENT = 4
    WEBINAR = 5
    ACTIVITY = 6
    OPENED = 7
    CLICKED = 8
    CLOSED = 9
    SIGN_UP = 10
    CREATED = 11
    UPDATED = 12
    CONSENT = 13
    WON = 14
    LOST = 15


SAMPLED = 7
"""How many kinds are sampled from intent."""

TYPES: tuple[str, ...] = (
    "web.page_viewed",
    "web.form_submitted",
    "product.feature_used",
    "support.ticket_opened",
    "marketing.email_sent",
    "marketing.webinar_attended",
    "crm.activity_logged",
    "marketing.email_opened",
    "marketing.email_clicked",
    "support.ticket_closed",
    "product.signed_up",
    "crm.lead_created",
    "crm.lead_updated",
    "marketing.consent_changed",
    "crm.deal_won",
    "crm.deal_lost",
)
"""The event type of each kind; what stands before the point is its source."""

SOURCES: tuple[str, ...] = tuple(name.partition(".")[0] for name in TYPES)


class Uses(IntFlag):
    """The identifiers that a signal carries. CRM stands for the CRM's ids of lead and account.

    HARD stands alone: the signal's slot says which hard case of identity its identifiers are of.
    """

    COOKIE = 1
    DEVICE = 2
    EMAIL = 4
    PHONE = 8
    USER = 16
    CRM = 32
    SHARED = 64
    HARD = 128


RATES: NDArray[np.float64] = np.array(
    [
        [0.02, 0.12, 0.45, 1.35],
        [0.0005, 0.005, 0.03, 0.12],
        [0.02, 0.10, 0.35, 1.00],
        [0.002, 0.006, 0.015, 0.02],
        [0.12, 0.12, 0.12, 0.12],
        [0.0005, 0.004, 0.015, 0.02],
        [0.010, 0.04, 0.15, 0.50],
    ]
)
"""Events a day [sampled kinds, levels] of a person to whom each kind can happen."""

OPENS = np.array([0.05, 0.18, 0.40, 0.65])
"""Share of e-mails opened, by level."""

CLICKS = np.array([0.05, 0.12, 0.30, 0.50])
"""Share of opened e-mails clicked, by level."""

AFTER = np.array(
    [
        [0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.03, 0.0, 0.3, 0.5, 0.0, 0.0, 0.0],
    ]
)
"""Share of each sampled kind that goes on after a loss (0) and after a win (1)."""

WORDS: dict[SimulatedKind, tuple[str, ...]] = {
    SimulatedKind.PAGE: ("home", "blog", "docs", "product", "pricing"),
    SimulatedKind.FORM: ("newsletter", "contact", "demo"),
    SimulatedKind.FEATURE: ("dashboard", "report", "export", "integration", "invite"),
    SimulatedKind.TICKET: ("low", "normal", "high"),
    SimulatedKind.ACTIVITY: ("call", "email", "meeting"),
    SimulatedKind.SIGN_UP: ("free", "team", "enterprise"),
    SimulatedKind.CONSENT: ("granted", "withdrawn"),
    SimulatedKind.LOST: ("budget", "timing", "competitor", "no_response"),
}
"""The words of a kind's first data field."""

MIXES: dict[SimulatedKind, NDArray[np.float64]] = {
    SimulatedKind.PAGE: np.array(
        [
            [0.50, 0.35, 0.08, 0.05, 0.02],
            [0.35, 0.30, 0.15, 0.14, 0.06],
            [0.18, 0.15, 0.25, 0.25, 0.17],
            [0.10, 0.08, 0.22, 0.25, 0.35],
        ]
    ),
    SimulatedKind.FORM: np.array(
        [[0.85, 0.13, 0.02], [0.6, 0.3, 0.1], [0.3, 0.35, 0.35], [0.1, 0.3, 0.6]]
    ),
    SimulatedKind.FEATURE: np.array(
        [
            [0.70, 0.20, 0.06, 0.03, 0.01],
            [0.55, 0.25, 0.10, 0.08, 0.02],
            [0.40, 0.25, 0.15, 0.14, 0.06],
            [0.30, 0.22, 0.16, 0.18, 0.14],
        ]
    ),
    SimulatedKind.TICKET: np.array(
        [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.4, 0.45, 0.15], [0.3, 0.5, 0.2]]
    ),
    SimulatedKind.ACTIVITY: np.array(
        [[0.37, 0.60, 0.03], [0.42, 0.50, 0.08], [0.40, 0.35, 0.25], [0.30, 0.25, 0.45]]
    ),
}
"""Shares of the words [levels, words] of the sampled kinds that have words."""


def pick(shares: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index that each uniform draw [n] falls on, by shares [n, choices] that sum to 1."""
    chosen = (draws[:, None] >= np.cumsum(shares, axis=1)).sum(axis=1)
    return np.asarray(np.minimum(chosen, shares.shape[1] - 1))
