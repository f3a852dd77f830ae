"""Gemini's answers: the prompt contains cached tokens, candidates exclude thoughts, tools come on top."""

from __future__ import annotations

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage, minus
from coreason_budget.pricing.usage.node import Node


def answer(node: Node) -> Usage:
    """Read ``usage_metadata``, in the spelling of Google's package or of its JSON."""
    prompt_name = "prompt_token_count"
    prompt = node.count(prompt_name, "promptTokenCount", required=True)
    tools = node.count("tool_use_prompt_token_count", "toolUsePromptTokenCount")
    cached = node.count("cached_content_token_count", "cachedContentTokenCount")
    output = node.count("candidates_token_count", "candidatesTokenCount")
    thoughts = node.count("thoughts_token_count", "thoughtsTokenCount")
    total = node.count("total_token_count", "totalTokenCount")
    if total > prompt + tools + output + thoughts:
        raise InvalidAmountError(f"total_token_count: {total} is more than its parts", field="total_token_count")
    audio, image = _modalities(node, "prompt_tokens_details", "promptTokensDetails")
    tool_audio, tool_image = _modalities(node, "tool_use_prompt_tokens_details", "toolUsePromptTokensDetails")
    cached_audio, cached_image = _modalities(node, "cache_tokens_details", "cacheTokensDetails")
    audio_out, image_out = _modalities(node, "candidates_tokens_details", "candidatesTokensDetails")
    audio = minus(audio, cached_audio, "cache_tokens_details", "the audio of the prompt") + tool_audio
    image = minus(image, cached_image, "cache_tokens_details", "the images of the prompt") + tool_image
    fresh = minus(prompt, cached, "cached_content_token_count", prompt_name) + tools
    return Usage(
        input=minus(fresh, audio + image, "prompt_tokens_details", prompt_name),
        cache_read=minus(cached, cached_audio, "cache_tokens_details", "cached_content_token_count"),
        output=minus(output, audio_out + image_out, "candidates_tokens_details", "candidates_token_count"),
        reasoning=thoughts,
        input_audio=audio,
        input_image=image,
        cache_read_audio=cached_audio,
        output_audio=audio_out,
        output_image=image_out,
        service=node.service(),
    )


def _modalities(node: Node, *names: str) -> tuple[int, int]:
    """Give the audio tokens, and the image, video and document tokens, of a list."""
    audio = image = 0
    for name in names:
        for part in node.items(name):
            modality = part.word("modality")
            tokens = part.count("token_count", "tokenCount")
            audio += tokens if modality == "audio" else 0
            image += tokens if modality in ("image", "video", "document") else 0
    return audio, image
