# /// script
# dependencies = ["ollama"]
# ///
"""Ollama's package: chat, generation and embeddings of a model that the user prices."""

from ollama import Client

from tests.shapes.book import forms
from tests.shapes.fake.bill import bill
from tests.shapes.fake.server import as_json, as_lines, either, provider

MODEL = "llama3.2"
COUNTS = {"prompt_eval_count": 1000, "eval_count": 300}
TIMES = {"total_duration": 5_000_000_000, "load_duration": 1, "prompt_eval_duration": 2, "eval_duration": 3}
DONE = {"model": MODEL, "created_at": "2026-11-01T00:00:00Z", "done": True, "done_reason": "stop", **COUNTS, **TIMES}
PART = {"model": MODEL, "created_at": "2026-11-01T00:00:00Z", "done": False}
RIGHT = bill(MODEL, rates={"input": "0.1", "output": "0.2"}, input=1000, output=300)

message = {"message": {"role": "assistant", "content": "hello"}}
text = {"response": "hello"}
answers = {
    "/api/chat": either(as_json({**DONE, **message}), as_lines([{**PART, **message}, {**DONE, **message}])),
    "/api/generate": either(as_json({**DONE, **text}), as_lines([{**PART, **text}, {**DONE, **text}])),
    "/api/embed": as_json({"model": MODEL, "embeddings": [[0.1]], "prompt_eval_count": 8, "total_duration": 5}),
}
with provider(answers) as url:
    client = Client(host=url)
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    forms("chat", client.chat(**asked), RIGHT)
    *_, last = client.chat(**asked, stream=True)
    forms("chat, last piece", last, RIGHT)
    forms("generation", client.generate(model=MODEL, prompt="hello"), RIGHT)
    *_, last = client.generate(model=MODEL, prompt="hello", stream=True)
    forms("generation, last piece", last, RIGHT)
    forms("embedding", client.embed(model=MODEL, input="hello"), bill(MODEL, rates={"input": "0.1"}, input=8))
