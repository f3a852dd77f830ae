"""Errors through Celery's own serializers, which are not ours to assume: `tox -e celery`."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from coreason_budget.errors import BudgetError
from tests.test_errors import SAMPLES

pytestmark = pytest.mark.skipif(find_spec("celery") is None, reason="celery is not installed; tox -e celery has it")


def _back(error: BudgetError, serializer: str) -> BaseException:
    """What whoever waits for a failed task's result has raised at `.get()`."""
    from celery import Celery
    from celery.backends.cache import CacheBackend

    backend = CacheBackend(Celery(set_as_current=False), backend="memory", serializer=serializer, accept=[serializer])
    stored = backend.decode(backend.encode(backend.prepare_exception(error)))
    return backend.exception_to_python(stored)  # type: ignore[no-any-return]


@pytest.mark.parametrize("error", [error for error, _ in SAMPLES], ids=lambda error: type(error).__name__)
def test_an_error_crosses_as_json(error: BudgetError) -> None:
    """Celery's default: class and text arrive, so that `except` catches it by its name."""
    back = _back(error, "json")
    assert type(back) is type(error)
    assert str(back) == str(error)


@pytest.mark.parametrize(("error", "data"), SAMPLES, ids=[type(error).__name__ for error, _ in SAMPLES])
def test_an_error_crosses_whole_as_pickle(error: BudgetError, data: dict[str, object]) -> None:
    """With all that it carries."""
    back = _back(error, "pickle")
    assert type(back) is type(error)
    assert {name: getattr(back, name) for name in data} == data
