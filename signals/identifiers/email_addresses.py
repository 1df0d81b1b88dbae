"""E-mail addresses made comparable: one spelling of an address, and what its domain tells.

A domain in Unicode, in punycode, decomposed or in full-width letters is one domain (Unicode
Technical Standard 46, by email-validator and idna); a local part is compared in Unicode's
compatibility form and without case.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from unicodedata import normalize

import tldextract
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from domain.errors import BadSignal
from signals.identifiers.free_email_domains import is_consumer

_split_domain = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
_PLAIN = re.compile(r"[a-z0-9]+(?:[._+-][a-z0-9]+)*", re.ASCII)
"""Local parts that no rule could refuse or change, up to their length."""
_LONGEST = 64
_LONGEST_ADDRESS = 254
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
"""Characters without width, which are copied along with an address."""
_STOPS = str.maketrans("。．｡", "...")


class Address(NamedTuple):
    """An address as it is compared: `local`@`domain`, the domain in ASCII.

    `registrable` is what of the domain somebody registered, "" where its suffix is not known.
    """

    local: str
    domain: str
    registrable: str


def read_address(value: str) -> Address:
    """An address from what stood in a field. Raises BadSignal where it is none."""
    text = value.strip()
    if not text.isascii():
        text = normalize("NFKC", text.strip(_UNSEEN)).translate(_STOPS).strip()
    local, _, domain = text.lower().rpartition("@")
    if _PLAIN.fullmatch(local) and len(text) <= _LONGEST:
        return Address(local, *_read_domain(domain))
    if len(text) > _LONGEST_ADDRESS:
        raise BadSignal("not an e-mail address", rule="identifier-email")
    parsed = _validated(text)
    local = normalize("NFKC", parsed.local_part).casefold()
    return Address(local, *_read_domain(parsed.ascii_domain or parsed.domain))


@lru_cache(maxsize=1 << 13)
def _read_domain(domain: str) -> tuple[str, str]:
    """A domain in ASCII, and its registrable part. Raises BadSignal."""
    parsed = _validated(f"a@{domain}")
    plain = (parsed.ascii_domain or parsed.domain).lower()
    registrable: str = _split_domain(plain).top_domain_under_public_suffix
    return plain, registrable


@lru_cache(maxsize=1 << 13)
def company_of_domain(domain: str, registrable: str, consumer: frozenset[str]) -> str:
    """The company that a domain tells of, by its registrable part; "" where it is nobody's."""
    return "" if is_consumer(domain, registrable, consumer) else registrable


def _validated(address: str) -> ValidatedEmail:
    try:
        return validate_email(address, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        raise BadSignal("not an e-mail address", rule="identifier-email") from None
