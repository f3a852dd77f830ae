# /// script
# dependencies = ["dspy"]
# ///
"""DSPy: the usage of a call by model, the tracker's, and the history."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

import dspy
from dspy.utils.usage_tracker import track_usage

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, CLAUDE, GPT, world

with world() as url:
    openai = dspy.LM(f"openai/{GPT}", api_base=f"{url}/v1", api_key="none", cache=False)
    claude = dspy.LM(f"anthropic/{CLAUDE}", api_base=url, api_key="none", cache=False)
    dspy.configure(lm=openai, track_usage=True, adapter=dspy.JSONAdapter())
    made = dspy.Predict("question -> answer")(question="hello")
    case("openai, get_lm_usage", made.get_lm_usage(), BILLS["gpt"])
    case("openai, its model's", made.get_lm_usage()[f"openai/{GPT}"], BILLS["gpt"])
    case("openai, history", openai.history[-1], BILLS["gpt"])
    case("openai, history's usage", openai.history[-1]["usage"], BILLS["gpt"])
    with track_usage() as tracker:
        claude("hello")
        claude("hello again")
        openai("hello")
    right = BILLS["gpt"] + BILLS["claude"] + BILLS["claude"]
    lost = "the tracker has no searches and no times of the cache; pass the history's response"
    case("both, tracked", tracker.get_total_tokens(), right, "blind", lost)
    case("claude, history's response", claude.history[-1]["response"], BILLS["claude"])
