# /// script
# dependencies = ["instructor", "openai"]
# ///
"""Instructor: the provider's answer beside the object; the sum of its retries."""

import instructor
import openai
from pydantic import BaseModel, field_validator

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, GPT, world

HELLO = [{"role": "user", "content": "hello"}]
seen: list[str] = []


class Said(BaseModel):
    """What the provider says."""

    answer: str


class Twice(BaseModel):
    """What is taken at its second try alone."""

    answer: str

    @field_validator("answer")
    @classmethod
    def again(cls, value: str) -> str:
        """Refuse the first."""
        seen.append(value)
        if len(seen) < 2:
            raise ValueError("again")
        return value


with world() as url:
    client = instructor.from_openai(openai.OpenAI(base_url=f"{url}/v1", api_key="none"), mode=instructor.Mode.JSON)
    asked = {"model": GPT, "messages": HELLO}
    _, answer = client.chat.completions.create_with_completion(response_model=Said, **asked)
    case("openai, answer", answer, BILLS["gpt"])
    _, answer = client.chat.completions.create_with_completion(response_model=Twice, max_retries=2, **asked)
    case("openai, sum of a retry", answer, BILLS["gpt"] + BILLS["gpt"])
