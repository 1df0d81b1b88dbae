"""The simulated world: accounts, the people at them, and what people can be known by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.scenarios import Scenario
from simulation.vocabulary import pick

INDUSTRIES = ("software", "finance", "manufacturing", "retail", "health", "education", "logistics")
COUNTRIES = ("US", "GB", "DE", "FR", "NL", "SE", "CA", "IN")
SENIORITIES = ("individual", "manager", "director", "executive")
LEAD_SOURCES = ("website", "trial", "partner", "event", "outbound")
CONSENTS = ("granted", "unknown", "withdrawn")
INBOUND = 2
"""The first so many lead sources come to us by a form or a sign-up."""

KIOSK_SLOT = 3
"""The slot that stands for a kiosk's cookie."""

_INDUSTRY_FIT = np.array([1.3, 1.15, 1.0, 0.85, 1.0, 0.75, 0.9])
_SENIORITY_FIT = np.array([0.8, 1.0, 1.2, 1.15])
_SOURCE_FIT = np.array([1.05, 1.15, 1.1, 0.9, 0.8])
_SIZE_EDGES = np.array([10, 50, 500, 5000])
_SIZE_FIT = np.array([0.8, 1.0, 1.2, 1.05, 0.85])

_COLD = np.array([0.40, 0.35, 0.17, 0.08])
_HOT = np.array([0.12, 0.28, 0.34, 0.26])

_GIVEN = (
    "Ada", "Amir", "Anna", "Ben", "Chen", "Clara", "David", "Elif", "Emma", "Farid", "Grace",
    "Hana", "Ivan", "Jonas", "Karin", "Lea", "Luis", "Maya", "Nils", "Olga", "Priya", "Rosa",
    "Samir", "Tara",
)  # fmt: skip
_FAMILY = (
    "Adler", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito",
    "Jansen", "Kaya", "Lindt", "Moreau", "Novak", "Okafor", "Patel", "Quinn", "Rossi", "Singh",
    "Tanaka", "Ueda", "Vargas", "Weber", "Yilmaz",
)  # fmt: skip
_FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com")
AREAS = (202, 206, 212, 213, 214, 215, 216, 303, 305, 310, 312, 313, 314, 404, 408, 412, 415, 503)
FICTION = range(100, 200)
"""Last digits that are kept for films after 555, so that no reader takes them for a number."""
PHONES = len(AREAS) * (10_000 - len(FICTION))
ODD = 0x9E3779B1


@dataclass(frozen=True, slots=True)
class World:
    """People by index: first the leads, then those who never become known.

    By account: `employees`, `industry`, `country`. By person: `account` (-1: none), `seniority`,
    `source`, `consent`, `fit` (the factor on the hazard of a win), `first` (the level of intent
    at arrival), `cookies` (1 to 3), `kiosk` (-1: none), `shared` (uses the account's mailbox).
    """

    leads: int
    employees: NDArray[np.int64]
    industry: NDArray[np.int64]
    country: NDArray[np.int64]
    account: NDArray[np.int64]
    seniority: NDArray[np.int64]
    source: NDArray[np.int64]
    consent: NDArray[np.int64]
    fit: NDArray[np.float64]
    first: NDArray[np.int64]
    cookies: NDArray[np.int64]
    free_mail: NDArray[np.int64]
    has_phone: NDArray[np.bool_]
    kiosk: NDArray[np.int64]
    shared: NDArray[np.bool_]

    @property
    def people(self) -> int:
        """How many people there are."""
        return len(self.account)

    def domain(self, person: int) -> str:
        """The e-mail domain of the person's account, or of a provider of free mail."""
        free = int(self.free_mail[person])
        return f"company-{self.account[person]:06d}.com" if free < 0 else _FREE_MAIL[free]

    def name(self, person: int) -> str:
        """The person's name; people may share one."""
        first, family = _name(person)
        return f"{first} {family}"

    def email(self, person: int) -> str:
        """The person's own e-mail address."""
        first, family = _name(person)
        return f"{first}.{family}{person}@{self.domain(person)}".lower()

    def account_name(self, person: int) -> str | None:
        """The CRM's id of the person's account."""
        account = int(self.account[person])
        return None if account < 0 else f"A-{account:06d}"

    def cookie(self, person: int, slot: int) -> str:
        """A cookie of the person's: slot 0 at the desk, 1 and 2 on the phone, 3 at a kiosk."""
        if slot == KIOSK_SLOT:
            return f"kiosk-{self.kiosk[person]:04d}"
        return f"c-{((person * 4 + slot) * ODD) & 0xFFFFFFFFFF:010x}"


def build_world(rng: np.random.Generator, leads: int, scenario: Scenario) -> World:
    """A world with so many leads, and the scenario's share of people who stay anonymous."""
    people = leads + round(leads * scenario.anonymous)
    accounts = max(2, round(people * 0.4))
    employees = np.clip(rng.lognormal(np.log(60), 1.6, accounts), 1, 200_000).astype(np.int64)
    industry = rng.integers(0, len(INDUSTRIES), accounts)
    account = _accounts(rng, employees, people)
    seniority = rng.choice(len(SENIORITIES), people, p=(0.4, 0.3, 0.2, 0.1))
    source = rng.choice(len(LEAD_SOURCES), people, p=(0.35, 0.25, 0.1, 0.15, 0.15))
    heat = np.where(rng.random(accounts)[account, None] < 0.35, _HOT, _COLD)
    free_mail = _free_mail(rng, account)
    return World(
        leads=leads,
        employees=employees,
        industry=industry,
        country=rng.choice(
            len(COUNTRIES), accounts, p=(0.4, 0.15, 0.15, 0.1, 0.05, 0.05, 0.05, 0.05)
        ),
        account=account,
        seniority=seniority,
        source=source,
        consent=rng.choice(len(CONSENTS), people, p=(0.7, 0.2, 0.1)),
        fit=_fit(employees, industry, account, seniority, source),
        first=pick(heat, rng.random(people)),
        cookies=rng.choice(3, people, p=(0.6, 0.25, 0.15)) + 1,
        free_mail=free_mail,
        has_phone=(rng.random(people) < 0.4) & (np.arange(people) < PHONES),
        kiosk=_kiosks(rng, people, scenario.kiosks),
        shared=_shared(account, scenario.shared_mailboxes),
    )


def _name(person: int) -> tuple[str, str]:
    return _GIVEN[person % len(_GIVEN)], _FAMILY[person // len(_GIVEN) * 7 % len(_FAMILY)]


def _accounts(
    rng: np.random.Generator, employees: NDArray[np.int64], people: int
) -> NDArray[np.int64]:
    """The account of each person: more people at large ones, and some people at none."""
    weights = np.sqrt(employees)
    account = rng.choice(len(employees), people, p=weights / weights.sum())
    return np.where(rng.random(people) < 0.06, -1, account)


def _free_mail(rng: np.random.Generator, account: NDArray[np.int64]) -> NDArray[np.int64]:
    """The provider of free mail (-1: none): all without an account use one, and a few others."""
    provider = rng.integers(0, len(_FREE_MAIL), len(account))
    return np.where((account < 0) | (rng.random(len(account)) < 0.05), provider, -1)


def _fit(
    employees: NDArray[np.int64],
    industry: NDArray[np.int64],
    account: NDArray[np.int64],
    seniority: NDArray[np.int64],
    source: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The factor on the hazard of a win; someone without an account counts as a small firm."""
    size = _SIZE_FIT[np.searchsorted(_SIZE_EDGES, employees[account], side="right")]
    firm = np.where(account < 0, 0.7, size * _INDUSTRY_FIT[industry[account]])
    return np.asarray(firm * _SENIORITY_FIT[seniority] * _SOURCE_FIT[source])


def _kiosks(rng: np.random.Generator, people: int, kiosks: int) -> NDArray[np.int64]:
    """The kiosk each person uses now and then: about eight people at each."""
    at = np.full(people, -1)
    if kiosks:
        users = rng.choice(people, min(people, 8 * kiosks), replace=False)
        at[users] = np.arange(len(users)) % kiosks
    return at


def _shared(account: NDArray[np.int64], mailboxes: int) -> NDArray[np.bool_]:
    """Who uses a shared mailbox: everyone at the accounts with the most people."""
    sizes = np.bincount(account[account >= 0])
    chosen = np.argsort(-sizes, kind="stable")[:mailboxes]
    return np.isin(account, chosen)
