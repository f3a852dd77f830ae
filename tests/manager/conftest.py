"""A manager on a ledger in memory."""

import pytest

from tests.manager.kit import make


@pytest.fixture
def budget():
    return make()
