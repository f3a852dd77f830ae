"""Price look-ups beside litellm's and genai-prices': the first of a process, and later ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from coreason_budget.pricing import PricingEngine
from tests.benchmarks.conftest import Benchmark

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore")]

# What is loaded before the clock starts, and what it then times: the import is told apart from the look-up.
FIRST = {
    "ours": ("from coreason_budget.pricing import PricingEngine", "PricingEngine().calculate('gpt-4o', 1200, 300)"),
    "ours, a host": (
        "from coreason_budget.pricing import PricingEngine",
        "PricingEngine().calculate('azure/gpt-4o', 1200, 300)",
    ),
    "ours, the largest host": (
        "from coreason_budget.pricing import PricingEngine",
        "PricingEngine().calculate('bedrock/us.anthropic.claude-sonnet-5', 1200, 300)",
    ),
    "ours, unknown": (
        "from coreason_budget.pricing import PricingEngine",
        "PricingEngine().canonical('no-such-model')",
    ),
    "litellm": (
        "import os; os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'; from litellm import cost_per_token",
        "cost_per_token(model='gpt-4o', prompt_tokens=1200, completion_tokens=300)",
    ),
    "genai-prices": (
        "from genai_prices import Usage, calc_price",
        "calc_price(Usage(input_tokens=1200, output_tokens=300), 'gpt-4o', provider_id='openai')",
    ),
}
NEEDS = {"litellm": "litellm", "genai-prices": "genai_prices"}
SCRIPT = """
import time
begun = time.perf_counter()
{load}
loaded = time.perf_counter()
{call}
print((loaded - begun) * 1000, (time.perf_counter() - loaded) * 1000)
"""


def skip_without(who: str) -> None:
    """The others are measured where they are installed."""
    if who in NEEDS and find_spec(NEEDS[who]) is None:
        pytest.skip(f"{who} is not installed; tox -e prices has it")


@pytest.mark.parametrize("who", FIRST)
def test_first_look_up_of_a_process(benchmark: Benchmark, who: str) -> None:
    """A fresh interpreter each round; milliseconds of import and look-up are in the extra columns."""
    skip_without(who)
    load, call = FIRST[who]
    times: list[tuple[float, float]] = []

    def start() -> None:
        script = SCRIPT.format(load=load, call=call)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        import_ms, call_ms = map(float, done.stdout.split()[-2:])
        times.append((import_ms, call_ms))

    benchmark.pedantic(start, rounds=1 if benchmark.disabled else 5)  # type: ignore[attr-defined]
    best = [min(column) for column in zip(*times, strict=True)]
    benchmark.extra_info |= {"import_ms": round(best[0], 1), "look_up_ms": round(best[1], 1)}  # type: ignore[attr-defined]
    print({"who": who, **benchmark.extra_info})  # type: ignore[attr-defined]
    assert best[1] > 0


@pytest.mark.parametrize("who", ["ours", "ours, a host", "litellm", "genai-prices"])
def test_later_look_up(benchmark: Benchmark, who: str) -> None:
    """The same call again, and again."""
    skip_without(who)
    call = later(who)
    assert call()
    benchmark(call)


def later(who: str) -> Callable[[], object]:
    """One priced call of ours or of another."""
    if who == "litellm":
        from litellm import cost_per_token

        return lambda: cost_per_token(model="gpt-4o", prompt_tokens=1200, completion_tokens=300)
    if who == "genai-prices":
        from genai_prices import Usage, calc_price

        return lambda: calc_price(Usage(input_tokens=1200, output_tokens=300), "gpt-4o", provider_id="openai")
    engine, model = PricingEngine(), "azure/gpt-4o" if "host" in who else "gpt-4o"
    return lambda: engine.calculate(model, 1200, 300)
