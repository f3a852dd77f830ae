# /// script
# dependencies = ["attrs"]
# [tool.shapes]
# npm = [
#     "ai5@npm:ai@5", "openai5@npm:@ai-sdk/openai@2",
#     "anthropic5@npm:@ai-sdk/anthropic@2", "google5@npm:@ai-sdk/google@2",
#     "ai6@npm:ai@6", "openai6@npm:@ai-sdk/openai@3",
#     "anthropic6@npm:@ai-sdk/anthropic@3", "google6@npm:@ai-sdk/google@3",
#     "ai7@npm:ai@7", "openai7@npm:@ai-sdk/openai@4",
#     "anthropic7@npm:@ai-sdk/anthropic@4", "google7@npm:@ai-sdk/google@4",
#     "zod",
# ]
# ///
"""The Vercel AI SDK, versions 5 to 7: usages and results as JSON, of one step and of two, streamed; four models."""

import json
import os
import subprocess
from typing import Any

from tests.shapes.book import case
from tests.shapes.fake.world import ASK, BILLS, CLAUDE, GEMINI, GPT, SAID, SOL, world

PROGRAM = """
import { z } from "zod";
const [version, url, gpt, sol, claude, gemini, ask, said] = process.argv.slice(1);
const { generateText, streamText, stepCountIs, tool } = await import("ai" + version);
const { createOpenAI } = await import("openai" + version);
const { createAnthropic } = await import("anthropic" + version);
const { createGoogleGenerativeAI } = await import("google" + version);
const openai = createOpenAI({ apiKey: "none", baseURL: url + "/v1" });
const models = {
  gpt: openai.chat(gpt),
  sol: openai(sol),
  claude: createAnthropic({ apiKey: "none", baseURL: url + "/v1" })(claude),
  gemini: createGoogleGenerativeAI({ apiKey: "none", baseURL: url + "/v1beta" })(gemini),
};
const weather = tool({ description: "w", inputSchema: z.object({ city: z.string() }), execute: async () => said });
for (const [name, model] of Object.entries(models)) {
  const one = await generateText({ model, prompt: "hello" });
  const two = await generateText({ model, prompt: ask, stopWhen: stepCountIs(3), tools: { weather } });
  const stream = streamText({ model, prompt: "hello" });
  for await (const _ of stream.textStream);
  console.log(JSON.stringify({
    name, result: one, usage: one.usage, total: one.totalUsage, step: one.steps[0],
    two, twoTotal: two.totalUsage, twoUsage: two.usage, stream: await stream.usage,
  }));
}
"""
FIVE = "version 5 has no place for what Claude wrote to a cache; pass the result"
TOOLS = "version 5 tells of Gemini's tools by the total alone"
WRITES = "version 5 has no place for cache writes; pass the result"
LOST = "a sum over steps has no searches and no times of the cache"
LAST = "version 5 and 6 call the last step's usage so; pass totalUsage, or the result"
UNTOLD = "a sum over steps lacks what Gemini's tools read"


def handed_out(version: int, url: str) -> dict[str, Any]:
    """What a version hands out, by model."""
    command = ["node", "--input-type=module", "-e", PROGRAM, str(version), url, GPT, SOL, CLAUDE, GEMINI, ASK, SAID]
    done = subprocess.run(command, cwd=os.environ["SHAPES_NODE"], capture_output=True, text=True, timeout=120)
    assert not done.returncode, done.stderr[-3000:]
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def expected(version: int, model: str) -> tuple[Any, Any]:
    """What must come out of a usage of one step, and of a sum over two."""
    if version == 5:
        lost: dict[str, Any] = {"sol": ("blind", WRITES), "claude": ("refused", FIVE), "gemini": ("refused", TOOLS)}
        return lost.get(model, ()), lost.get(model, ())
    sums: dict[str, Any] = {"claude": ("blind", LOST)}
    if version == 6:
        sums["gemini"] = ("blind", UNTOLD)
    return (), sums.get(model, ())


with world() as url:
    for version in (5, 6, 7):
        for model, told in handed_out(version, url).items():
            name, right = f"{version}, {model}", BILLS[model]
            one, both = expected(version, model)
            whole: Any = () if version > 5 or model in ("gpt", "sol", "claude") else one
            for form in ("usage", "total", "stream"):
                case(f"{name}, {form}", told[form], right, *one)
            for form in ("result", "step"):
                case(f"{name}, {form}", told[form], right, *whole)
            case(f"{name}, result of two steps", told["two"], right + right, *whole)
            case(f"{name}, total of two steps", told["twoTotal"], right + right, *both)
            if version == 7:
                case(f"{name}, usage of two steps", told["twoUsage"], right + right, *both)
            elif not one:
                case(f"{name}, usage of two steps", told["twoUsage"], right + right, "blind", LAST)
