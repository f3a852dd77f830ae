"""Money is exact: only `money` rounds, and only upwards."""

import decimal
import math
import sys
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError
from coreason_budget.money import (
    MAX_ACCOUNT,
    MAX_OPERATION_NANOS,
    ceil_div,
    to_limit_nanos,
    to_nanos,
    to_usd,
    usd_text,
)
from tests.bad_inputs import BAD_AMOUNTS

_SIGNALS = tuple(decimal.Context(prec=1).flags)
HOSTILE_CONTEXTS = {
    "prec 3": decimal.Context(prec=3),
    "prec 1, rounding down": decimal.Context(prec=1, rounding=decimal.ROUND_DOWN),
    "tiny exponents": decimal.Context(prec=2, Emin=-2, Emax=2),
    "every trap set": decimal.Context(prec=3, traps=list(_SIGNALS)),
    "tiny, clamped, every trap set": decimal.Context(prec=1, Emin=0, Emax=0, clamp=1, traps=list(_SIGNALS)),
}


def _fraction_nanos(amount: Decimal) -> Fraction:
    return Fraction(amount) * 10**9


@pytest.mark.parametrize(
    ("amount", "nanos"),
    [
        (0, 0),
        (1, 10**9),
        (10**7, MAX_OPERATION_NANOS),
        (0.1 + 0.2, 300_000_000),
        (0.1, 100_000_000),
        (1e-9, 1),
        (1e-10, 1),
        (5e-324, 1),
        (-0.0, 0),
        (2.675, 2_675_000_000),
        (1234567.89, 1_234_567_890_000_000),
        (10.000000001, 10_000_000_001),
        (9_999_999.99999999, 9_999_999_999_999_990),
        (Decimal("0.0000000001"), 1),
        (Decimal("1E-999999"), 1),
        (Decimal((0, (1,), -(10**17))), 1),
        (Decimal("0E+999999"), 0),
        (Decimal("-0"), 0),
        (Decimal("1.0000000010000000000000000001"), 1_000_000_002),
        (Decimal("1." + "0" * 500 + "1"), 1_000_000_001),
        ("0", 0),
        ("0.25", 250_000_000),
        ("00.10", 100_000_000),
        (".5", 500_000_000),
        ("5.", 5_000_000_000),
        ("1e-3", 1_000_000),
        ("1E7", MAX_OPERATION_NANOS),
        ("2.5e+1", 25_000_000_000),
        ("1e-10", 1),
        ("0.0000000011", 2),
        ("10000000.000000000", MAX_OPERATION_NANOS),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_amounts_become_nanos(amount, nanos):
    """A number of USD of any kind becomes whole nanos, what lies between rounded up."""
    assert to_nanos(amount) == nanos
    assert type(to_nanos(amount)) is int


@given(st.decimals(min_value=0, max_value=10**7, allow_nan=False, allow_infinity=False))
def test_rounding_goes_up_and_never_by_a_whole_nano(amount):
    """For every Decimal: exact <= nanos < exact + 1."""
    nanos = to_nanos(amount)
    assert 0 <= nanos - _fraction_nanos(amount) < 1


@given(st.floats(min_value=0, max_value=10**7))
def test_a_float_counts_as_its_15_significant_digits(amount):
    """A float is the same amount as its 15 significant digits written out."""
    exact = Fraction(f"{amount:.15g}") * 10**9
    assert to_nanos(amount) == math.ceil(exact)


@given(st.integers(0, 10**7 * 10**9))
def test_usd_and_nanos_are_a_round_trip(nanos):
    """Nanos to USD and back, by Decimal and by text, are the same nanos."""
    assert to_nanos(to_usd(nanos)) == nanos
    assert to_nanos(usd_text(nanos)) == nanos
    assert to_limit_nanos(usd_text(nanos)) == nanos


@given(st.integers(0, 10**12 - 1), st.integers(0, 999))
def test_an_amount_of_up_to_15_digits_survives_a_float(whole, part):
    """Money as people write it (15 digits or fewer) is not changed by passing through a float."""
    text = f"{whole // 10**5}.{whole % 10**5:05d}{part:03d}"
    assert to_nanos(float(text)) == to_nanos(text)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (10**9, "1.00"),
        (1_500_000_000, "1.50"),
        (1_050_000_000, "1.05"),
        (-12_345_678_900, "-12.3456789"),
        (MAX_ACCOUNT, "4000000000.00"),
    ],
)
def test_usd_is_written_plainly(nanos, text):
    """Two decimals at least, nine at most, never an exponent; the Decimal has the same digits."""
    assert usd_text(nanos) == text
    assert format(to_usd(nanos), "f") == text


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**12))
def test_ceil_div_is_exact(dividend, divisor):
    """`ceil_div` is the ceiling of the exact quotient, also below zero."""
    assert ceil_div(dividend, divisor) == math.ceil(Fraction(dividend, divisor))


def _is_a_limit(value):
    """Too large for one operation, but not for an account: over 10**7 and at most 4*10**9 USD."""
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return (
        number
        and Decimal(value).is_finite()
        and 10**7 < value <= 4 * 10**9
        and Decimal(str(value)) == round(Decimal(str(value)), 9)
    )


_BAD = [pytest.param(to_nanos, value, id=f"amount, {name}") for name, value in BAD_AMOUNTS] + [
    pytest.param(to_limit_nanos, value, id=f"limit, {name}")
    for name, value in BAD_AMOUNTS
    if name != "text 10000000.000000001" and not _is_a_limit(value)
]


@pytest.mark.parametrize(("convert", "value"), _BAD)
def test_what_is_no_amount_is_refused_by_name(convert, value):
    """Every bad amount is an `InvalidAmountError` that names the field, short enough to read."""
    with pytest.raises(InvalidAmountError) as caught:
        convert(value, "cost")
    assert caught.value.field == "cost"
    assert str(caught.value).startswith("cost: ")
    assert len(str(caught.value)) < 250


@given(st.text(max_size=12))
def test_text_is_digits_a_point_and_a_short_exponent_or_refused(text):
    """Whatever the text: it is read as Decimal reads ASCII numbers, or it is refused."""
    try:
        nanos = to_nanos(text)
    except InvalidAmountError:
        return
    assert set(text) <= set("0123456789.eE+-")
    assert nanos == math.ceil(Fraction(Decimal(text)) * 10**9)


@given(st.from_regex(r"[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{0,3})?", fullmatch=True))
def test_near_numbers_are_read_or_refused_as_the_grammar_says(text):
    """Texts close to numbers: a digit is needed, and a digit after an exponent's letter, two at most."""
    mantissa, letter, exponent = text.replace("E", "e").partition("e")
    digits = exponent.lstrip("+-")
    good = any(c.isdigit() for c in mantissa) and (not letter or 1 <= len(digits) <= 2)
    if good and Decimal(text) <= 10**7:
        assert to_nanos(text) == math.ceil(Fraction(Decimal(text)) * 10**9)
    else:
        with pytest.raises(InvalidAmountError):
            to_nanos(text)


@pytest.mark.parametrize(
    ("limit", "nanos"),
    [(10, 10**10), (10.0, 10**10), ("0.000000001", 1), (Decimal("1E-9"), 1), (4 * 10**9, MAX_ACCOUNT), ("1e-9", 1)],
)
def test_limits_are_exact(limit, nanos):
    """A limit is taken as it stands, up to what an account can count."""
    assert to_limit_nanos(limit) == nanos


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ("0.0000000001", "more than 9 decimals"),
        (1e-10, "more than 9 decimals"),
        (Decimal("1.0000000001"), "more than 9 decimals"),
        (Decimal("1." + "0" * 500 + "1"), "more than 9 decimals"),
        (4 * 10**9 + 1, "too large"),
        ("4000000000.000000001", "too large"),
    ],
)
def test_a_limit_is_never_rounded(limit, complaint):
    """A limit finer than a nano, or larger than an account, is refused rather than changed."""
    with pytest.raises(InvalidAmountError, match=complaint):
        to_limit_nanos(limit)


@pytest.mark.parametrize("context", HOSTILE_CONTEXTS.values(), ids=HOSTILE_CONTEXTS)
def test_the_callers_decimal_context_does_not_matter(context):
    """Precision, exponents, rounding and traps of the thread's context change no amount and raise nothing."""
    amounts = [
        Decimal("1234567.890123456789"),
        Decimal("1E-400"),
        Decimal("0E+999999"),
        "1234567.8901234561",
        1234567.890123456,
        9999999,
        "1e-7",
    ]
    expected = [(to_nanos(amount), to_usd(to_nanos(amount))) for amount in amounts]
    bad = [value for _, value in BAD_AMOUNTS]
    with localcontext(context) as own:
        found = [(to_nanos(amount), to_usd(to_nanos(amount))) for amount in amounts]
        for value in bad:
            with pytest.raises(InvalidAmountError):
                to_nanos(value)
        with pytest.raises(InvalidAmountError):
            to_limit_nanos(Decimal("123456.7890123456789"))
        assert to_limit_nanos(Decimal("123456.789012345")) == 123_456_789_012_345
        assert not [signal for signal, raised in own.flags.items() if raised], "a signal leaked into the context"
    assert found == expected


def test_a_too_long_integer_is_refused_without_being_printed():
    """An int whose text Python refuses to make is still an `InvalidAmountError`."""
    with pytest.raises(InvalidAmountError, match="more than 60 digits"):
        to_nanos(10 ** (sys.get_int_max_str_digits() + 1))


@pytest.mark.parametrize(
    ("convert", "amount", "says"),
    [
        (to_nanos, "no", "amount: 'no' is not an amount; allowed is a number of USD from 0 to 10000000, "),
        (to_nanos, Decimal("-1.50"), "amount: -1.50 is not an amount; "),
        (to_nanos, 10**7 + 1, "amount: 10000001 is too large; allowed is a number of USD from 0 to 10000000, "),
        (to_nanos, 10**500, "amount: a number of more than 60 digits is not an amount; "),
        (to_nanos, "x" * 58, "amount: '" + "x" * 58 + "' is not an amount; "),
        (to_nanos, "x" * 59, "amount: '" + "x" * 56 + "... is not an amount; "),
        (to_nanos, None, "amount: None is not an amount; "),
        (to_limit_nanos, "no", "limit: 'no' is not an amount; allowed is a number of USD from 0 to 4000000000 "),
        (to_limit_nanos, 5 * 10**9, "limit: 5000000000 is too large; allowed is a number of USD from 0 to 4000000000 "),
        (to_limit_nanos, "1e-10", "limit: '1e-10' has more than 9 decimals; allowed is a number of USD from 0 to 40"),
    ],
)
def test_a_refusal_shows_what_was_given_and_what_is_allowed(convert, amount, says):
    """In one short line, and under the plain name where the caller gave none."""
    with pytest.raises(InvalidAmountError) as error:
        convert(amount)
    assert str(error.value).startswith(says)
    assert error.value.field == says.partition(":")[0]


def test_a_value_that_cannot_be_shown_is_named_by_its_type():
    """What its repr raises is not our caller's matter."""

    class Shy:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(InvalidAmountError, match="amount: a Shy is not an amount"):
        to_nanos(Shy())
