"""The values between the layers: ids are opaque, tags bounded, account keys injective."""

import enum
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError, InvalidIdError
from coreason_budget.ids import BUILT_IN_KINDS, MAX_TAGS, MAX_TOKENS, check_count, check_id, check_tag_kind
from coreason_budget.model import GLOBAL, UNITS, WINDOWS, Account, Amounts, Entry, Scope, Subject
from coreason_budget.standing import Balance, Verdict
from tests.bad_inputs import BAD_IDS

_printable = st.characters(exclude_categories=("Cs", "Cc"))
ids = st.text(_printable, min_size=1, max_size=64)
kinds = st.sampled_from(("user", "project", "model", "team", "user_", "u", "a1"))
scopes = st.builds(Scope, kinds, ids) | st.just(GLOBAL)
tricky = st.sampled_from(("a", "|", "/", "day", "usd|day|0|user", "user/a", "a|b", "0", " ", "a/", "//", "\u2028"))
accounts = st.builds(
    Account,
    st.builds(Scope, kinds, tricky | ids) | st.just(GLOBAL),
    st.sampled_from(WINDOWS),
    st.integers(-(10**10), 10**11),
    st.integers(0, 10**11) | st.none(),
    st.sampled_from(UNITS),
)


class _Name(str, enum.Enum):  # noqa: UP042 - format() of the older kind gives its name, not its value
    ALICE = "alice"
    TEAM = "team"


@pytest.mark.parametrize("value", [v for _, v in BAD_IDS], ids=[n for n, _ in BAD_IDS])
@pytest.mark.parametrize("place", ["user_id", "project_id", "model", "tags.team"])
def test_what_is_no_id_is_refused_by_name(place, value):
    """Every bad id is an `InvalidIdError` that names its field, wherever it stands."""
    arguments = {"tags": {"team": value}} if place == "tags.team" else {place: value}
    with pytest.raises(InvalidIdError) as caught:
        Subject.of(**arguments)
    assert caught.value.field == place
    assert str(caught.value).startswith(f"{place}: ")


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)], ids=hex)
def test_no_control_character_is_in_an_id(code):
    """C0, DEL and C1, first, last or alone, are refused."""
    for text in (chr(code), f"a{chr(code)}", f"{chr(code)}a"):
        with pytest.raises(InvalidIdError, match="control"):
            check_id(text, "user_id")


@pytest.mark.parametrize(
    "value",
    [
        "a",
        " ",
        "a" * 256,
        "\u00e9" * 128,
        "\U0001f600" * 64,
        "a|b/c\\d'\"%{}",
        "../../etc/passwd",
        "\u2028\u202e\u200b\ufeff",
        "\xa0",
        "0",
        "None",
        "nul\u2400",
        "Robert'); DROP TABLE account;--",
    ],
    ids=ascii,
)
def test_any_other_text_is_an_id_and_comes_back_unchanged(value):
    """Ids are opaque: 1 to 256 bytes of any text that is not a control character."""
    assert check_id(value, "user_id") == value


@given(st.text(_printable, min_size=1, max_size=300))
def test_the_length_of_an_id_is_counted_in_bytes(text):
    """Up to 256 UTF-8 bytes pass, one more does not."""
    if len(text.encode()) <= 256:
        assert check_id(text, "user_id") == text
    else:
        with pytest.raises(InvalidIdError, match="at most 256"):
            check_id(text, "user_id")


def test_an_id_of_an_enum_is_its_text():
    """A str subclass that formats as something else has the account of its text."""
    subject = Subject.of(_Name.ALICE, tags={_Name.TEAM: _Name.ALICE})
    assert subject == Subject.of("alice", tags={"team": "alice"})
    assert [str(scope) for scope in subject.scopes] == ["user/alice", "team/alice", "global"]


@pytest.mark.parametrize("kind", BUILT_IN_KINDS)
def test_a_built_in_kind_is_no_tag(kind):
    """Nobody passes a user, project, model or the whole as a tag."""
    with pytest.raises(InvalidIdError, match="built-in") as caught:
        Subject.of("alice", tags={kind: "x"})
    assert caught.value.field == "tags"


@pytest.mark.parametrize(
    "kind",
    ["", "Team", "1team", "_team", "te am", "te-am", "te/am", "te|am", "team\n", "t\u00e9am", "a" * 65, None, 1,
     b"team", ("team",), "\u0661", "a\u0661"],
    ids=ascii,
)  # fmt: skip
def test_a_tags_kind_is_a_plain_lower_case_name(kind):
    """Anything but [a-z][a-z0-9_]* of at most 64 characters is refused."""
    with pytest.raises(InvalidIdError, match=r"\[a-z\]\[a-z0-9_\]\*"):
        Subject.of("alice", tags={kind: "x"})


@pytest.mark.parametrize("kind", ["a", "team", "t_1", "a" * 64, "users", "user_", "global_"])
def test_other_kinds_are_tags(kind):
    """Names of one's own are kept as they are."""
    assert check_tag_kind(kind) == kind


def test_at_most_8_tags():
    """Eight tags are taken, nine are not."""
    tags = {f"kind{i}": "x" for i in range(MAX_TAGS)}
    assert MAX_TAGS == 8
    assert len(Subject.of("alice", tags=tags).tags) == 8
    with pytest.raises(InvalidIdError, match="at most 8") as caught:
        Subject.of("alice", tags=tags | {"one_more": "x"})
    assert caught.value.field == "tags"


@pytest.mark.parametrize(
    "tags", ["", "team", 0, 1, False, True, [], [("team", "x")], (), {"team"}, set(), b""], ids=repr
)
def test_tags_are_a_mapping_or_nothing(tags):
    """Also what is empty or false is refused, if it is no mapping: a dropped tag is a dropped limit."""
    with pytest.raises(InvalidIdError, match="must map") as caught:
        Subject.of("alice", tags=tags)
    assert caught.value.field == "tags"


def test_the_order_of_tags_does_not_matter():
    """The same tags are the same subject."""
    one, other = {"team": "x", "feature": "y"}, {"feature": "y", "team": "x"}
    assert Subject.of("alice", tags=one) == Subject.of("alice", tags=other)
    assert hash(Subject.of("alice", tags=one)) == hash(Subject.of("alice", tags=other))


def test_the_scopes_of_a_call_go_from_narrow_to_whole():
    """User, project, model, tags, and the whole, which is in every call; what is not named is not there."""
    subject = Subject.of("u", "p", "m", {"team": "t", "feature": "f"})
    assert [str(s) for s in subject.scopes] == ["user/u", "project/p", "model/m", "feature/f", "team/t", "global"]
    assert Subject.of().scopes == (GLOBAL,)


@given(scopes)
def test_a_scope_is_read_back_from_its_text(scope):
    """`Scope.parse` undoes `str`, whatever slashes the id holds."""
    assert Scope.parse(str(scope)) == scope


@pytest.mark.parametrize(
    ("scope", "label"),
    [
        (Scope("user", "user_123"), "User user_123"),
        (Scope("project", "launch"), "Project launch"),
        (Scope("model", "openai/gpt-4o"), "Model openai/gpt-4o"),
        (Scope("team", "search"), "Team search"),
        (Scope("user", "with space "), "User with space "),
        (GLOBAL, "Global"),
    ],
)
def test_a_scope_has_a_label_for_people(scope, label):
    """The kind with a capital, the id as it is."""
    assert scope.label == label


@given(accounts)
def test_an_account_is_read_back_from_its_key(account):
    """`Account.parse(key)` is the same account, in every part."""
    back = Account.parse(account.key, account.end_s)
    assert back == account
    assert _parts(back) == _parts(account)


@given(accounts, accounts)
def test_two_accounts_never_share_a_key(one, other):
    """Another scope, window, start or unit is another key, whatever characters the ids hold."""
    same = _parts(one)[:4] == _parts(other)[:4]
    assert (one.key == other.key) is same
    assert (one == other) is same
    assert not same or hash(one) == hash(other)


def _parts(account):
    return account.scope, account.window, account.start_s, account.unit, account.end_s


@pytest.mark.parametrize("window", WINDOWS)
def test_an_account_outlives_every_late_ending(window):
    """It is kept past its end, the longest ttl (24 h) and the 24 h of a late settle; total is kept for good."""
    end_s = None if window == "total" else 1_800_000_000
    account = Account(GLOBAL, window, 0, end_s, "usd")
    if window == "total":
        assert account.expires_us is None
        assert account.resets_at is None
    else:
        assert account.expires_us >= (end_s + 48 * 3600) * 10**6
        assert account.resets_at.timestamp() == end_s


@pytest.mark.parametrize("value", [-1, MAX_TOKENS + 1, True, False, 1.0, "1", None, Decimal(1), 10**4000, [1], b"1"])
def test_a_count_is_a_whole_number(value):
    """Booleans, fractions, texts, negatives and more than 10**12 are no counts."""
    with pytest.raises(InvalidAmountError) as caught:
        check_count(value, "input_tokens")
    assert caught.value.field == "input_tokens"


@pytest.mark.parametrize("value", [0, 1, MAX_TOKENS])
def test_counts_from_0_to_10_12_pass(value):
    """Both ends are inside."""
    assert check_count(value, "input_tokens") == value


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_a_call_asks_for_at_least_one_token_and_one_request(nanos, tokens, requests):
    """Where none of them are left it is refused; what costs nothing asks for no USD."""
    asked = Amounts(nanos, tokens, requests).counted()
    assert [asked.of(unit) for unit in UNITS] == [nanos, tokens or 1, requests or 1]


@given(st.integers(0, 20), st.integers(0, 20), st.none() | st.integers(0, 20), st.sampled_from(UNITS))
def test_a_balance_adds_up(spent, reserved, limit, unit):
    """`spent` is used less reserved; `remaining` never falls below 0; usd is shown as Decimal USD."""
    balance = Balance(Account(GLOBAL, "day", 0, 86400, unit), limit, spent + reserved, reserved)
    scale = 10**9 if unit == "usd" else 1
    assert (balance.spent * scale, balance.reserved * scale) == (spent, reserved)
    if limit is None:
        assert (balance.limit, balance.remaining) == (None, None)
    else:
        assert balance.remaining * scale == max(0, limit - spent - reserved)
        assert type(balance.remaining) is (Decimal if unit == "usd" else int)


def test_the_binding_account_is_the_usd_account_with_the_least_left():
    """Accounts in other units, or without a limit, do not bind a cost."""

    def verdict(*rows):
        entries = [Entry.of(Account(scope, "day", 0, 86400, unit), 1, limit) for scope, unit, limit, _ in rows]
        used = [(used, 0) for *_, used in rows]
        return Verdict(tuple(entries), {e.account.key: u for e, u in zip(entries, used, strict=True)})

    alice = Scope("user", "a")
    free = [(alice, "tokens", 1, 1), (Scope("project", "p"), "usd", None, 9)]
    tight = verdict((alice, "usd", 9, 0), *free, (GLOBAL, "usd", 10, 8))
    assert tight.binding is not None
    assert (tight.binding.scope, tight.remaining_usd) == ("global", Decimal("0.000000002"))
    assert verdict((GLOBAL, "usd", 1, 5)).remaining_usd == 0
    assert verdict(*free).binding is None
    assert verdict(*free).remaining_usd is None
