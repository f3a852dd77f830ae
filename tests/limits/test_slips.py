"""A line that can never bite is refused with what was meant, or warned of where it may be meant all the same."""

import logging
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coreason_budget import BudgetConfig, BudgetManager, ConfigError
from coreason_budget.ids import BUILT_IN_KINDS
from coreason_budget.limits.slips import check_scope, doubt, same_model, slip_of

PRICES = {"house-model": {"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000002"}}
SLIPS = ("swap", "double", "drop", "upper", "plural")


def load(*scopes, **settings):
    """A budget whose limits file has a line for each scope, the first on line 2."""
    lines = [f"- {{scope: '{scope}', window: day, usd: 1}}\n" for scope in scopes]
    Path("limits.yaml").write_text("limits:\n" + "".join(lines))
    settings = {"ledger_url": "memory://", "limits_file": "limits.yaml", "model_price_overrides": PRICES} | settings
    return BudgetManager(BudgetConfig(**settings))


REFUSED = {
    "users": "did you mean user?", "User": "did you mean user?", "usr/alice": "did you mean user?",
    "user_id/alice": "did you mean user?", "usre": "did you mean user?", "projects/alpha": "did you mean project?",
    "porject": "did you mean project?", "modell/gpt-4o": "did you mean model?", "Models": "did you mean model?",
    "globals": "did you mean global?", "GLOBAL": "did you mean global?",
    "user:alice": "did you mean user/alice?", "team=red": "did you mean team/red?",
    "user alice": "did you mean user/alice?",
    "user/*": "write `user` for every user", "user/**": "write `user`", "user/alice*": "write `user`",
    "team/*": "write `team` for every team", "model/gpt-4*": "write `model`", "model/openai/*": "write `model`",
    "user/%": "write `user`", "user/.*": "write `user`", "user/?": "write `user`", "user/^a": "write `user`",
    "*": "write `global`", "**": "write `global`", "*/alice": "write `global`", "all": "write `global`",
    "team/red/user/x": "a line for team/red or for user/x", "user/a/b/project/c/d": "for user/a/b or for project/c/d",
    "model/gpt-4o/user/x": "for model/gpt-4o or for user/x",
    "model/gpt4o": "did you mean openai/gpt-4o?", "model/GPT-4o": "did you mean openai/gpt-4o?",
    "model/gtp-4o": "did you mean openai/gpt-4o?", "model/openai/gpt4o": "did you mean openai/gpt-4o?",
    "model/opanai/gpt-4o": "did you mean openai/gpt-4o?",
    "model/claude-sonnet-4.5": "did you mean anthropic/claude-sonnet-4-5?",
    "model/claude-sonet-4-5": "did you mean anthropic/claude-sonnet-4-5?",
    "model/house_model": "did you mean house-model?",
}  # fmt: skip


@pytest.mark.parametrize(("scope", "words"), REFUSED.items(), ids=REFUSED)
def test_what_can_only_be_a_slip_is_refused(scope, words):
    """With the line, and what was meant."""
    with pytest.raises(ConfigError) as caught:
        load("user", scope)
    assert str(caught.value).startswith("limits.yaml:3: scope: ")
    assert words in str(caught.value)


DOUBTED = {
    "user/all": "write `user` for every user", "team/Everyone": "write `team`",
    "user/${USER}": "nothing is filled in", "user/<id>": "nothing is filled in",
    "user/{user_id}": "nothing is filled in",
    "user/%s": "nothing is filled in", "user/[a-z].+": "no pattern", "user/team-?": "no pattern",
    " ".join(("user/alice", "")): "part of the id", "user//alice": "part of the id", 'user/"alice"': "part of the id",
    "user/alice/day": "its window stands beside it", "team/red/global": "one scope",
    "model/my-own": "has no price here", "model/claude-opus-99": "known are anthropic/claude-opus",
    "model/acme/gpt-4o": "known are openai/gpt-4o",
}  # fmt: skip


@pytest.mark.parametrize(("scope", "words"), DOUBTED.items(), ids=DOUBTED)
def test_what_may_be_meant_is_read_and_warned_of(scope, words, caplog):
    """One warning, with file and line."""
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        load("user", scope)
    (record,) = caplog.records
    assert record.getMessage().startswith("limits_file: limits.yaml:3: ")
    assert words in record.getMessage()


MEANT = (
    "user", "project", "model", "global", "team", "product", "modal", "user_group", "subproject", "feature",
    "user/a/b", "user/me@example.org", "user/dependabot[bot]", "user/HOST$", "user/\u00e9", "user/007",
    "project/default",
    "member/team/user", "member/team", "repo/acme/site", "user/user", "model/gpt-4o", "model/openai/gpt-4o",
    "model/gpt-4o-2024-08-06", "model/house-model", "model/claude-sonnet-4-5",
)  # fmt: skip


@pytest.mark.parametrize("scope", MEANT)
def test_what_is_meant_is_read_without_a_word(scope, caplog):
    """Tags of one's own, ids with slashes and signs, models of the table, of the settings and by their snapshots."""
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        load(scope)
    assert caplog.records == []


def test_two_kinds_that_are_nearly_one_are_warned_of(caplog):
    """A tag's kind is known to the file alone: another line says nearly the same."""
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        load("team", "teams/red", "feature")
    assert [r.getMessage() for r in caplog.records] == [
        "limits_file: limits.yaml:2: the kinds 'team' and 'teams' are two; is one of them meant?",
        "limits_file: limits.yaml:3: the kinds 'teams' and 'team' are two; is one of them meant?",
    ]


def test_an_alias_is_the_model_it_stands_for(caplog):
    """A name of one's own is told by the setting, and then it bites."""
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        budget = load("model/gpt4o", model_aliases={"gpt4o": "openai/gpt-4o"})
    assert caplog.records == []
    (balance,) = [b for b in budget.usage(model="openai/gpt-4o") if b.scope == "model/openai/gpt-4o"]
    assert balance.limit == 1


@pytest.mark.parametrize("kind", ["users", "Project", "modell", "user_id", "user/alice", "*"])
def test_a_required_scope_is_checked_as_well(kind):
    """No call could name it."""
    with pytest.raises(ConfigError, match="required_scopes: ") as caught:
        BudgetConfig(required_scopes=f"team,{kind}")
    assert caught.value.field == "required_scopes"


@given(st.sampled_from(BUILT_IN_KINDS), st.integers(0, 6), st.sampled_from(SLIPS))
def test_one_slip_in_a_built_in_kind_is_found(kind, at, slip):
    """Two letters swapped, one doubled, one lost (not the first), another case, the plural."""
    at = 1 + at % (len(kind) - 1)
    slipped = {
        "swap": kind[: at - 1] + kind[at] + kind[at - 1] + kind[at + 1 :],
        "double": kind[:at] + kind[at] + kind[at:],
        "drop": kind[:at] + kind[at + 1 :],
        "upper": kind.upper(),
        "plural": f"{kind}s",
    }[slip]
    assume(slipped != kind)
    assert slip_of(slipped, BUILT_IN_KINDS) == kind
    assert slip_of(kind, BUILT_IN_KINDS) is None


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20))
def test_any_id_with_a_letter_and_without_a_star_can_be_said(text):
    """At most it is doubted: ids are opaque."""
    assume(any(c.isalnum() for c in text) and not {"*", "/"} & set(text) and text[0] != "^")
    assert check_scope(f"user/{text}") == ("user", text)
    assert doubt("user", text, BUILT_IN_KINDS) is None or text in str(doubt("user", text, BUILT_IN_KINDS))


@pytest.mark.parametrize(
    ("model", "known"),
    [("claude-opus-6", "anthropic/claude-opus-5"), ("gpt-4o-acme", "openai/gpt-4o"), ("acme/gpt-4o", "openai/gpt-4o")],
)
def test_another_version_or_provider_is_no_slip(model, known):
    """A model that is newer than the table, and one of one's own, are no misspelling."""
    assert not same_model(model, known)
