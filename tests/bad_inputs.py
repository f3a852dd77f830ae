"""Wrong amounts and ids, shared by the tests of the library and of the service.

``BAD_AMOUNTS`` and ``BAD_IDS`` are Python values, as ``(test id, value)``. ``BAD_AMOUNTS_JSON`` and
``BAD_IDS_JSON`` are JSON texts that stand as they are as a value in a body, as ``(test id, text)``.
JSON's ``null`` is in neither: for an optional field it is the same as leaving it out.
"""

from decimal import Decimal
from fractions import Fraction


class _LooksLikeANumber:
    def __float__(self) -> float:
        return 1.0

    def __int__(self) -> int:
        return 1

    def __index__(self) -> int:
        return 1


class _TextThatRaises:
    def __repr__(self) -> str:
        raise RuntimeError("repr of a bad value")


BAD_AMOUNTS = (
    # Numbers that are no amounts.
    ("float nan", float("nan")),
    ("float inf", float("inf")),
    ("float -inf", float("-inf")),
    ("Decimal NaN", Decimal("NaN")),
    ("Decimal sNaN", Decimal("sNaN")),
    ("Decimal -NaN", Decimal("-NaN")),
    ("Decimal NaN with payload", Decimal("NaN123")),
    ("Decimal Infinity", Decimal("Infinity")),
    ("Decimal -Infinity", Decimal("-Infinity")),
    # Negative.
    ("int -1", -1),
    ("float -0.01", -0.01),
    ("float, smallest negative", -5e-324),
    ("Decimal -1e-9", Decimal("-1e-9")),
    ("Decimal, tiny negative", Decimal("-1E-999999")),
    ("text -1", "-1"),
    ("text -0.00", "-0.00"),
    # Too large.
    ("int 10**7 + 1", 10**7 + 1),
    ("int of 5000 digits", 10**5000),
    ("int of 5000 digits, negative", -(10**5000)),
    ("float 1e300", 1e300),
    ("float just over", 10000000.01),
    ("Decimal a thousandth of a nano over", Decimal("10000000.000000000001")),
    ("Decimal 1E+999999", Decimal("1E+999999")),
    ("text 1e99", "1e99"),
    ("text 10000000.000000001", "10000000.000000001"),
    # Not numbers.
    ("True", True),
    ("False", False),
    ("complex", 1 + 0j),
    ("Fraction", Fraction(1, 3)),
    ("bytes", b"1.0"),
    ("bytearray", bytearray(b"1")),
    ("list", [1]),
    ("empty list", []),
    ("tuple", (1,)),
    ("tuple of a Decimal", (0, (1, 0), -1)),
    ("dict", {"usd": 1}),
    ("set", {1}),
    ("object", object()),
    ("object with __float__ and __int__", _LooksLikeANumber()),
    ("object whose repr raises", _TextThatRaises()),
    ("list of an int too long to print", [10**5000]),
    ("type", Decimal),
    # Text that is no number, or one that only Python reads as such.
    ("empty text", ""),
    ("space", " "),
    ("text nan", "nan"),
    ("text NaN", "NaN"),
    ("text inf", "inf"),
    ("text Infinity", "Infinity"),
    ("text +1", "+1"),
    ("text, leading space", " 1"),
    ("text, trailing newline", "1\n"),
    ("text with underscore", "1_000"),
    ("text, decimal comma", "1,5"),
    ("text, thousands", "1,000.00"),
    ("text with sign $", "$1"),
    ("text with unit", "1 USD"),
    ("text hex", "0x10"),
    ("text, Arabic-Indic digits", "\u0661\u0662"),
    ("text, fullwidth digits", "\uff11\uff12"),
    ("text, superscript", "1\u00b2"),
    ("text, minus sign U+2212", "\u22121"),
    ("text, NUL", "1\x00"),
    ("text point", "."),
    ("text two points", "1.2.3"),
    ("text, no mantissa", "e5"),
    ("text, no exponent", "1e"),
    ("text, exponent of 3 digits", "1e100"),
    ("text, huge negative exponent", "1e-999999999"),
    ("text of a million digits", "1" * 10**6),
    ("text true", "true"),
    ("text None", "None"),
    ("text, lone surrogate", "\ud800"),
)

BAD_AMOUNTS_JSON = (
    # Not amounts.
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("-Infinity", "-Infinity"),
    ("text NaN", '"NaN"'),
    ("text Infinity", '"Infinity"'),
    ("text -Infinity", '"-Infinity"'),
    ("text sNaN", '"sNaN"'),
    ("true", "true"),
    ("false", "false"),
    ("list", "[]"),
    ("list of a number", "[1]"),
    ("object", "{}"),
    ("object of a number", '{"usd": 1}'),
    ("nested 50 deep", "[" * 50 + "]" * 50),
    # Negative.
    ("-1", "-1"),
    ("-0.01", "-0.01"),
    ("-1e-9", "-1e-9"),
    ("-1e-300", "-1e-300"),
    ("-1e300", "-1e300"),
    ("text -1", '"-1"'),
    ("text -0.00", '"-0.00"'),
    # Too large.
    ("10000001", "10000001"),
    ("10000000.000000001", "10000000.000000001"),
    ("1e8", "1e8"),
    ("1e300", "1e300"),
    ("1e400", "1e400"),
    ("1e99999", "1e99999"),
    ("1e999999999999", "1e999999999999"),
    ("200 digits", "1" + "0" * 200),
    ("5000 digits", "1" + "0" * 5000),
    ("text 10000000.000000001", '"10000000.000000001"'),
    ("text 1e99", '"1e99"'),
    ("text 1e100", '"1e100"'),
    # Text that is no number.
    ("empty text", '""'),
    ("space", '" "'),
    ("text one", '"one"'),
    ("text null", '"null"'),
    ("text +1", '"+1"'),
    ("text, leading space", '" 1"'),
    ("text, trailing newline", '"1\\n"'),
    ("text with underscore", '"1_000"'),
    ("text, decimal comma", '"1,5"'),
    ("text with sign $", '"$1"'),
    ("text hex", '"0x10"'),
    ("text, Arabic-Indic digits", '"\\u0661\\u0662"'),
    ("text, fullwidth digits", '"\uff11"'),
    ("text, minus sign U+2212", '"\\u22121"'),
    ("text, NUL", '"1\\u0000"'),
    ("text point", '"."'),
    ("text two points", '"1.2.3"'),
    ("text, no exponent", '"1e"'),
    ("text of 2000 digits", '"' + "1" * 2000 + '"'),
    ("text, lone surrogate", '"\\ud800"'),
)

BAD_IDS = (
    ("empty", ""),
    ("bytes", b"alice"),
    ("int", 1),
    ("zero", 0),
    ("float", 1.5),
    ("True", True),
    ("False", False),
    ("list", ["alice"]),
    ("empty list", []),
    ("dict", {"id": "alice"}),
    ("tuple", ("alice",)),
    ("object", object()),
    ("257 ASCII bytes", "a" * 257),
    ("129 letters of 2 bytes", "\u00e9" * 129),
    ("65 letters of 4 bytes", "\U0001f600" * 65),
    ("a million letters", "a" * 10**6),
    ("NUL", "a\x00b"),
    ("NUL alone", "\x00"),
    ("newline", "alice\n"),
    ("leading newline", "\nalice"),
    ("carriage return", "a\rb"),
    ("tab", "a\tb"),
    ("escape", "\x1b[31m"),
    ("unit separator", "a\x1fb"),
    ("DEL", "a\x7fb"),
    ("C1 first", "a\x80b"),
    ("C1 next line", "a\x85b"),
    ("C1 last", "a\x9fb"),
    ("lone high surrogate", "\ud800"),
    ("lone low surrogate", "a\udfffb"),
    ("surrogates in the wrong order", "\ude00\ud83d"),
    ("surrogate pair, not joined", "\ud83d\ude00"),
)

BAD_IDS_JSON = (
    ("empty", '""'),
    ("number", "1"),
    ("zero", "0"),
    ("fraction", "1.5"),
    ("NaN", "NaN"),
    ("true", "true"),
    ("false", "false"),
    ("list", "[]"),
    ("list of text", '["alice"]'),
    ("object", "{}"),
    ("object of text", '{"id": "alice"}'),
    ("257 ASCII bytes", '"' + "a" * 257 + '"'),
    ("129 letters of 2 bytes", '"' + "\u00e9" * 129 + '"'),
    ("65 letters of 4 bytes, escaped", '"' + "\\ud83d\\ude00" * 65 + '"'),
    ("NUL", '"a\\u0000b"'),
    ("newline", '"alice\\n"'),
    ("carriage return", '"a\\rb"'),
    ("tab", '"a\\tb"'),
    ("escape", '"\\u001b[31m"'),
    ("DEL", '"a\\u007fb"'),
    ("C1 next line", '"a\\u0085b"'),
    ("C1 last", '"a\\u009fb"'),
    ("lone high surrogate", '"\\ud800"'),
    ("lone low surrogate", '"a\\udfffb"'),
    ("surrogates in the wrong order", '"\\ude00\\ud83d"'),
)
