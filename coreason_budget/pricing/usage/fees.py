"""Fees that an answer tells beside its usage: tools that ran on the provider's side, grounding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent, items_of, word
from coreason_budget.pricing.usage.told import refuse_counts

# What an OpenAI response lists and bills by the token alone, or not at all.
_UNBILLED = frozenset(
    {
        "apply_patch_call",
        "computer_call",
        "custom_tool_call",
        "function_call",
        "local_shell_call",
        "mcp_call",
        "mcp_list_tools",
        "shell_call",
        "tool_search_call",
        "web_fetch_call",
        "memory_call",
    }
)

_HIDDEN = "automatic_function_calling_history"


def fees_beside(around: Iterable[Fields]) -> dict[str, int]:
    """Give the fees that the levels around a usage tell, by bucket.

    Raises:
        InvalidAmountError: A tool ran that nobody knows, or that is billed by another model; names it.
    """
    found: Counter[str] = Counter()
    for level in around:
        if _HIDDEN in level:
            _refuse_hidden_requests(level[_HIDDEN])
        if "svg_usage" in level:
            refuse_counts("svg_usage", level["svg_usage"])
        if "output" in level or "tool_usage" in level:
            tools = fields_of(level.get("tool_usage"))
            listed = _listed(level.get("output"), tools)
            if _SESSIONS in listed:
                listed[_SESSIONS] *= _memory(level.get("tools"))
            found.update(listed)
            found.update(_reported(tools))
        if "raw_responses" in level:  # Those of a run of the OpenAI Agents SDK, whose usage stands beside.
            outputs = (fields_of(one).get("output") for one in items_of(level["raw_responses"], "raw_responses"))
            found.update(_listed([item for output in outputs for item in items_of(output, "output")], {}))
        if "additional_kwargs" in level or "parts" in level:
            found.update(_listed(list(_said(level)), {}))
    if grounded := _grounding(around):
        found.update(grounded)
    return dict(found)


def _reported(tools: Fields) -> Mapping[str, int]:
    """Read OpenAI's ``tool_usage``: what is billable of the searches, and images, which another model makes."""
    for name, value in tools.items():
        if name != "web_search":
            refuse_counts(name, value, "tool_usage.")
    searches = fields_of(tools.get("web_search"))
    refuse_counts("web_search", {name: value for name, value in searches.items() if name != "num_requests"})
    count = searches.get("num_requests")
    return {} if is_absent(count) else {"web_search": _count(count, "num_requests")}


def _count(value: Any, name: str) -> int:
    if type(value) is not int or value < 0:
        raise InvalidAmountError(f"{name}: not a whole number", field=name)
    return value


def _said(level: Fields) -> Iterator[Fields]:
    """Give, as a response lists them, the tool calls that LangChain and pydantic-ai have among what was said."""
    said = level.get("content") if "additional_kwargs" in level else level.get("parts")
    for item in map(fields_of, said if isinstance(said, list | tuple) else ()):
        if item.get("part_kind") == "builtin-tool-call":
            yield _as_listed(item, item.get("tool_name"), word(item.get("provider_name")))
        elif item.get("type") == "server_tool_call":
            yield _as_listed(
                item, item.get("name"), word(fields_of(level.get("response_metadata")).get("model_provider"))
            )
        elif item.get("type") != "tool_call":
            yield item


def _as_listed(item: Fields, name: Any, provider: str) -> Fields:
    """Give a tool call as OpenAI lists it. Of others' tools the searches alone have a fee that their usage lacks."""
    kind = {"code_execution": "code_interpreter"}.get(name, name)
    is_billed = kind == "web_search" or provider in ("openai", "azure")
    arguments = fields_of(item.get("args"))
    return {**arguments, "type": f"{kind}_call", "action": arguments} if is_billed else {}


def _listed(output: Any, tools: Fields) -> Counter[str]:
    """Count the tool calls that a response lists. Opening a page that was found is no search."""
    found: Counter[str] = Counter()
    containers: set[Any] = set()
    if is_absent(output) or isinstance(output, str | bytes | Mapping) or not hasattr(output, "__len__"):
        return found
    for index, item in enumerate(items_of(output, "output")):
        fields = fields_of(item)
        kind = word(fields.get("type"))
        if kind == "web_search_call" and is_absent(fields_of(tools.get("web_search")).get("num_requests")):
            found["web_search"] += word(fields_of(fields.get("action")).get("type")) in ("", "search")
        elif kind == "server_tool_use" and word(fields.get("name")) == "web_search":
            found["web_search"] += 1
        elif kind == "file_search_call":
            found["file_search"] += 1
        elif kind == "code_interpreter_call":
            containers.add(fields.get("container_id") or index)
        elif kind == "shell_call" and _is_hosted(environment := fields_of(fields.get("environment"))):
            containers.add(environment.get("container_id") or index)
        elif kind == "image_generation_call" and not fields_of(tools.get("image_gen")):
            _refuse(kind, "made by an image model of its own; pass cost=, or a Usage with its price")
        elif kind.endswith("_call") and kind not in _UNBILLED | _COUNTED:
            _refuse(kind, "a tool that is not known, and may have a fee; pass cost=, or a Usage")
    if containers:
        found[_SESSIONS] = len(containers)
    return found


_SESSIONS = "code_interpreter"
# What a container with so much memory costs, in those of the least.
_MEMORY = {"": 1, "1g": 1, "4g": 4, "16g": 16, "64g": 64}


def _is_hosted(environment: Fields) -> bool:
    return word(environment.get("type")).startswith("container")


def _memory(tools: Any) -> int:
    """Give how many times the least container those of the offered tools cost, the dearest of them.

    Raises:
        InvalidAmountError: One has a memory whose price is not known.
    """
    places = (fields_of(tool) for tool in items_of(tools, "tools"))
    inner = (fields_of(place.get(name)) for place in places for name in ("container", "environment"))
    sizes = {word(place.get("memory_limit"), "memory_limit") for place in inner}
    if unknown := sizes - _MEMORY.keys():
        problem = f"memory_limit: a container of {unknown.pop()!r} has no known price; pass cost="
        raise InvalidAmountError(problem, field="memory_limit")
    return max([_MEMORY[size] for size in sizes], default=1)


_COUNTED = frozenset({"web_search_call", "image_generation_call"})


def _refuse(kind: str, problem: str) -> None:
    raise InvalidAmountError(f"output: {kind} is {problem}", field="output")


def _refuse_hidden_requests(history: Any) -> None:
    """Refuse an answer behind which Google's package made more requests, whose usages it does not hand out."""
    if history:
        problem = f"{_HIDDEN}: the usage is of the last request alone; pass cost=, or make the calls one by one"
        raise InvalidAmountError(problem, field=_HIDDEN)


def _grounding(levels: Iterable[Fields]) -> Mapping[str, int]:
    """Count the searches behind a grounded answer of Gemini's, each place once: of the web, or of maps."""
    found: Counter[str] = Counter()
    for grounding in {id(one): fields_of(one) for level in levels for one in _grounded(level)}.values():
        queries = sum(_queries(grounding, name) for name in ("web_search_queries", "image_search_queries"))
        chunks = map(fields_of, _either(grounding, "grounding_chunks"))
        sources = {name for chunk in chunks for name in chunk if not is_absent(chunk[name])}
        if "maps" in sources or _either(grounding, "google_maps_widget_context_token"):
            # The queries are of both where both are sources: each is billed once, whoever was asked.
            found["maps_grounding"] += 1 if "web" in sources else max(queries, 1)
            queries = max(queries - 1, 1) if "web" in sources else 0
        found["web_search"] += queries
    return {name: count for name, count in found.items() if count}


def _queries(grounding: Fields, name: str) -> int:
    return sum(1 for query in items_of(_either(grounding, name), name) if query)


def _either(fields: Fields, name: str) -> Any:
    """Give what stands under a name of Google's, as its package writes it or its interface; empty if nothing does."""
    first, *others = name.split("_")
    return fields.get(name) or fields.get(first + "".join(map(str.capitalize, others))) or ()


def _grounded(level: Fields) -> Iterator[Any]:
    """Give what grounded an answer: of each candidate, or where frameworks put that of the first."""
    places = [level]
    if "response_metadata" in level:
        places.append(fields_of(level["response_metadata"]))
    if isinstance(candidates := level.get("candidates"), list | tuple):
        places += map(fields_of, candidates)
    if "providerMetadata" in level:
        places.append(fields_of(fields_of(level["providerMetadata"]).get("google")))
    for place in places:
        if found := place.get("grounding_metadata") or place.get("groundingMetadata"):
            yield found
    if isinstance(listed := level.get("vertex_ai_grounding_metadata"), list | tuple):
        yield from listed
