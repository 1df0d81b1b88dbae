"""Numbers: what is written in any usual way is read right; what may mean two things is refused."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signals.mapping.converters import Bad, Numbers, boolean, identifier, reading
from signals.mapping.numerals import Unread, numeral
from signals.mapping.words import words

NONE: frozenset[str] = frozenset()


def number(point: str = ".") -> Callable[[str], object]:
    return reading("v", NONE, Numbers(point).number)


def rule(found: object) -> str:
    assert isinstance(found, Bad)
    assert found.where == "v"
    return found.rule


@pytest.mark.parametrize(
    ("raw", "point", "value"),
    [
        ("1,098", ".", 1098),
        ("1,234,567.89", ".", 1234567.89),
        ("12,34,567.5", ".", 1234567.5),
        ("1'234.50", ".", 1234.5),
        ("1’234’567", ".", 1234567),
        ("1 234.5", ".", 1234.5),
        ("1\u00a0234,5", ",", 1234.5),
        ("1\u202f234\u202f567,5", ",", 1234567.5),
        ("1.234,56", ",", 1234.56),
        ("1.234.567", ",", 1234567),
        ("1,098", ",", 1.098),
        (" 7 ", ".", 7),
        (".5", ".", 0.5),
        ("-3e-2", ".", -0.03),
        ("$1,200.00", ".", 1200),
        ("-$5", ".", -5),
        ("€ 5,50", ",", 5.5),
        ("1.200,50 €", ",", 1200.5),
        ("CHF 1'200.50", ".", 1200.5),
        ("1200 USD", ".", 1200),
        ("US$ 7", ".", 7),
        ("1 234,00 zł", ",", 1234),
        ("(1,200.00)", ".", -1200),
        ("$(1,200.00)", ".", -1200),
        ("($1,200.00)", ".", -1200),
        ("1,200.00-", ".", -1200),
        ("−5", ".", -5),
        ("１２．５", ".", 12.5),
    ],
)
def test_usual_ways_to_write_a_number(raw: str, point: str, value: float) -> None:
    assert number(point)(raw) == value


@pytest.mark.parametrize(
    ("raw", "point", "why"),
    [
        ("1.5", ",", "number-grouping"),
        ("17850.0", ",", "number-grouping"),
        ("1234.56", ",", "number-grouping"),
        ("1.23.456", ",", "number-grouping"),
        ("0.123", ",", "number-grouping"),
        ("1,5", ".", "number-grouping"),
        ("1,2345", ".", "number-grouping"),
        ("1234,567", ".", "number-grouping"),
        ("1,234 567", ".", "number-grouping"),
        ("1,098", "", "number-ambiguous"),
        ("45 %", ".", "number-percent"),
        ("nan", ".", "number"),
        ("-inf", ".", "number"),
        ("1e999", ".", "number"),
        ("0x1F", ".", "number"),
        ("1_000", ".", "number"),
        ("12 kg", ".", "number"),
        ("5²", ".", "number"),
        ("٣", ".", "number"),
        ("(5", ".", "number"),
        ("-(5)", ".", "number"),
        ("--5", ".", "number"),
        ("$5 EUR", ".", "number"),
        ("1 2", ".", "number-grouping"),
        ("1;2", ".", "number"),
        ("9" * 400, ".", "number"),
    ],
)
def test_what_is_no_certain_number_is_refused_by_name(raw: str, point: str, why: str) -> None:
    bad = number(point)(raw)
    assert rule(bad) == why
    assert isinstance(bad, Bad)
    assert raw not in bad.detail


def test_a_second_currency_in_a_column_is_refused() -> None:
    read = number()
    assert [read("$5"), read("7"), read("$6")] == [5, 7, 6]
    assert rule(read("€5")) == "number-currency"


def test_percentages_are_shares_and_need_their_sign() -> None:
    read = reading("v", NONE, Numbers(".").percent)
    assert [read("45 %"), read("12.5%"), read("-3 %")] == [0.45, 0.125, -0.03]
    assert rule(read("45")) == "number-percent"


@given(
    st.integers(-(10**15), 10**15),
    st.integers(0, 99),
    st.sampled_from([(".", ","), (".", "'"), (".", " "), (",", "."), (",", "\u202f"), (",", "'")]),
    st.sampled_from(["{}", "${}", "{} EUR", "€ {}"]),
    st.sampled_from(["-{}", "({})", "{}-", "−{}"]),
)
def test_a_number_comes_back_however_it_was_written(
    whole: int, cents: int, signs: tuple[str, str], money: str, negative: str
) -> None:
    point, group = signs
    text = f"{abs(whole):,}".replace(",", group) + f"{point}{cents:02d}"
    text = money.format(text)
    text = negative.format(text) if whole < 0 else text
    wanted = float(f"{'-' if whole < 0 else ''}{abs(whole)}.{cents:02d}")
    assert number(point)(text) == wanted


@given(st.text("0123456789.,' -+()%$eE€", max_size=20), st.sampled_from([".", ",", ""]))
def test_no_digit_is_ever_lost_or_moved(raw: str, point: str) -> None:
    """What is read has the digits of the text, and its decimal sign where the text has it."""
    try:
        found = numeral(raw, point)
    except Unread:
        return
    digits = [c for c in raw.lower().partition("e")[0] if c.isdigit()]
    assert [c for c in found.plain.lower().partition("e")[0] if c.isdigit()] == digits
    sign = point or "."
    decimals = raw.lower().partition("e")[0].rpartition(sign)[2] if sign in raw else ""
    places = len([c for c in decimals if c.isdigit()])
    assert len(found.plain.lower().partition("e")[0].partition(".")[2]) == places


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back(value: float) -> None:
    assert number()(repr(value)) == value


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_a_number(raw: str) -> None:
    for point in (".", ",", ""):
        for parse in (Numbers(point).number, Numbers(point).whole, Numbers(point).percent):
            reading("v", NONE, parse)(raw)
        identifier("v", NONE, whole=True, point=point)(raw)
        reading("v", words([1, True, "x"], point), boolean(point))(raw)


@pytest.mark.parametrize(
    ("raw", "point", "found"),
    [
        ("12345678901.0", ".", "12345678901"),
        ("12345678901.0", ",", "12345678901"),
        ("17850.0", ".", "17850"),
        ("17850,0", ",", "17850"),
        ("007", ".", "007"),
        ("9007199254740993", ".", "9007199254740993"),
        ("1.2345678901e+10", ".", "12345678901"),
        ("9007199254740991.0", ".", "9007199254740991"),
        ("9007199254740993.0", ".", "identifier-inexact"),
        ("1.23457E+11", ".", "identifier-inexact"),
        ("1e5", ".", "identifier-inexact"),
        ("12.000", ",", "identifier"),
        ("1,098", ".", "identifier"),
        ("17850.5", ".", "identifier"),
        ("x", ".", "identifier"),
    ],
)
def test_whole_numbers_as_identifiers(raw: str, point: str, found: str) -> None:
    read = identifier("v", NONE, whole=True, point=point)(raw)
    assert (read.rule if isinstance(read, Bad) else read) == found


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_number_survives_a_float(value: int) -> None:
    assert reading("v", NONE, Numbers(".").whole)(f"{float(value):.1f}") == value
    assert identifier("v", NONE, whole=True)(f"{float(value):.1f}") == str(value)


@given(st.integers(2**53, 2**63 - 1))
def test_beyond_what_a_float_holds_only_digits_alone_are_certain(value: int) -> None:
    read = reading("v", NONE, Numbers(".").whole)
    assert read(str(value)) == value
    assert rule(read(f"{float(value):.1f}")) == "number-inexact"


@given(st.integers(-999, 999), st.sampled_from(["{}", "{}.0", "{}.00", "0{}", "+{}"]))
def test_a_number_in_the_mapping_is_compared_as_a_number(value: int, form: str) -> None:
    raw = form.format(value)
    assume(not raw.startswith(("0-", "+-")))
    assert raw in words([value], ".")
    assert raw in words([float(value)], ".")
    assert raw not in words([value + 1], ".")
    assert (raw in words([str(value)], ".")) == (raw == str(value))


def test_truths_and_numbers_and_texts_are_three_things() -> None:
    said = ["1", "1.0", "true", "True", "YES", "y", "0", "no", "2", "on"]
    assert [w for w in said if w in words([True], ".")] == said[:6]
    assert [w for w in said if w in words([False], ".")] == ["0", "no"]
    assert [w for w in said if w in words([1], ".")] == ["1", "1.0"]
    assert [w for w in said if w in words(["1"], ".")] == ["1"]
    assert [w for w in ("1,0", "1.0") if w in words([1], ",")] == ["1,0"]


@given(st.decimals(-(10**6), 10**6, places=3))
def test_decimals_compare_by_all_their_digits(value: Decimal) -> None:
    assert f"{value}" in words([float(value)], ".")
    assert f"{value:,}" in words([float(value)], ".")
    assert f"{value + Decimal('0.001')}" not in words([float(value)], ".")
