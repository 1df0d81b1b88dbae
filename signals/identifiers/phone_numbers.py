"""Telephone numbers made comparable: the international number, and its extension.

Numbers are read by phonenumbers, Google's library. A national number needs a region.
"""

import re
from unicodedata import normalize

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

from domain.errors import BadSignal
from signals.identifiers.invented_values import in_sequence

_EXTENSION = re.compile(
    r"[\s,;./-]*\b(?:durchwahl|dw|nebenstelle|nst|klappe|kl|app|apparat|poste|interno|anexo|ramal|"
    r"toestel|wew|wewn|linka|klapka|mellék|anknytning|lokal|alanumero|dahili|interior|bureau)"
    r"\b[\s.:]*(?=\d{1,7}\s*$)",
    re.IGNORECASE,
)
"""Words for an extension that the library does not know, in front of its digits."""
_PLAIN = re.compile(r"\+[1-9][0-9 ]{5,18}", re.ASCII)
_EXTENDED = re.compile(r"(?:\bext|\bx|#|;ext=|доб|\bint|extens)", re.IGNORECASE)
_NORTH_AMERICA = 1
_SHORTEST = 5
"""Digits of a whole national number, at least."""
_FICTION = {
    33: ("19900", "26191", "35301", "46571", "53649", "63998"),
    44: (
        "1134960", "1144960", "1154960", "1164960", "1174960", "1184960", "1214960", "1314960",
        "1414960", "1514960", "1614960", "1632960", "1914980", "2079460", "28964960", "2920180",
        "306999", "7700900", "8081570", "9098790",
    ),
    49: ("3023125", "4066969", "6990009", "8999998", "2214710"),
    61: (
        "255501", "270101", "355501", "370101", "491570", "755501", "770101", "855501", "870101",
    ),
}  # fmt: skip
"""First digits of national numbers that are set aside for films and books, by country code.

They are set aside by Arcep, by Ofcom ("numbers for drama use"), by Bundesnetzagentur and by ACMA.
"""
_FICTION_HERE = re.compile(r"\d{3}55501\d{2}")
"""North America: 555-0100 to 555-0199 in every area (NANPA)."""


def read_phone(value: str, region: str = "") -> tuple[str, bool]:
    """A number as +49301234567 or +16502530000;ext=101, and whether it was made up.

    `region` (ISO 3166, such as US) is where a national number belongs. Raises BadSignal.
    """
    if _PLAIN.fullmatch(value):
        number = _international(value)
    else:
        text = value if value.isascii() else normalize("NFKC", value)
        number = _parsed(_EXTENSION.sub(" ext. ", text.strip()), region)
    if number is None:
        raise BadSignal("not a phone number", rule="identifier-phone")
    plain = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    extension = f";ext={number.extension}" if number.extension else ""
    return plain + extension, _made_up(number)


def _parsed(text: str, region: str) -> PhoneNumber | None:
    """The number, or None. Raises BadSignal for a national number without a region."""
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException as bad:
        if region or bad.error_type != bad.INVALID_COUNTRY_CODE or not _is_national(text):
            return None
        return _abroad(text)
    international = text.lstrip(" (").startswith(("+", "tel:"))
    if international and not phonenumbers.is_possible_number(number):
        return None
    if not international and _possible(number) != ValidationResult.IS_POSSIBLE:
        return None  # a part of a number, which is another one in each town
    return None if _reads_words(text, number) else number


def _is_national(text: str) -> bool:
    """Whether a text without a country may be a whole number somewhere."""
    number = _EXTENDED.split(text, maxsplit=1)[0]
    digits = sum(map(str.isdigit, number))
    return digits >= _SHORTEST and not text.startswith("+") and not any(map(str.isalpha, number))


def _international(text: str) -> PhoneNumber | None:
    number = _tried(text)
    return number if number and phonenumbers.is_possible_number(number) else None


def _abroad(text: str) -> PhoneNumber:
    """A number that begins with 00 for +, if it is in use so. Raises BadSignal."""
    digits = text.lstrip(" (")
    if digits.startswith("00"):
        number = _tried("+" + digits[2:])
        if number is not None and phonenumbers.is_valid_number(number):
            return number
    raise BadSignal(
        "a national phone number, and no region to read it by",
        rule="identifier-phone-region",
    )


def _tried(text: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None


def _possible(number: PhoneNumber) -> int:
    return int(phonenumbers.is_possible_number_with_reason(number))


def _reads_words(text: str, number: PhoneNumber) -> bool:
    """Whether words were read as digits, as on a telephone's keys, outside North America."""
    if number.country_code == _NORTH_AMERICA:
        return False
    local = _EXTENDED.split(text.removeprefix("tel:"), maxsplit=1)[0]
    return any(map(str.isalpha, local))


def _made_up(number: PhoneNumber) -> bool:
    """Whether a number is of one digit, a sequence, or set aside for fiction."""
    digits = phonenumbers.national_significant_number(number)
    last = digits[-7:]
    if len(set(digits)) == 1 or len(set(last)) == 1:
        return True
    if in_sequence(digits) or last in {"1234567", "7654321", "2345678"}:
        return True
    if number.country_code == _NORTH_AMERICA:
        return _FICTION_HERE.fullmatch(digits) is not None
    return digits.startswith(_FICTION.get(number.country_code or 0, "-"))
