# /// script
# dependencies = ["chatlas[openai,anthropic,google]"]
# ///
"""chatlas: a turn keeps the provider's answer; its own tokens are weighted by price."""

from chatlas import ChatAnthropic, ChatGoogle, ChatOpenAI, ChatOpenAICompletions

from tests.shapes.book import case
from tests.shapes.fake.world import BILLS, CLAUDE, GEMINI, GPT, SOL, world

WEIGHTED = "a turn's tokens are weighted by price; pass the turn, or its completion"
SEARCHES = "its streams keep no searches of Anthropic's"

with world() as url:
    openai = {"base_url": f"{url}/v1", "api_key": "none"}
    gemini = {"http_options": {"base_url": url}}
    chats = {
        "openai responses": (ChatOpenAI(model=SOL, **openai), "sol"),
        "openai": (ChatOpenAICompletions(model=GPT, **openai), "gpt"),
        "anthropic": (ChatAnthropic(model=CLAUDE, api_key="none", kwargs={"base_url": url}), "claude"),
        "google": (ChatGoogle(model=GEMINI, api_key="none", kwargs=gemini), "gemini"),
    }
    for name, (chat, bill) in chats.items():
        chat.chat("hello", echo="none")
        turn = chat.get_last_turn()
        lost = ("blind", SEARCHES) if name == "anthropic" else ()
        case(f"{name}, turn", turn, BILLS[bill], *lost)
        case(f"{name}, its completion", turn.completion, BILLS[bill], *lost)
        case(f"{name}, its tokens", turn.tokens, BILLS[bill], "refused", WEIGHTED)
