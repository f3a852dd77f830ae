#!/usr/bin/env bash
# A model id that AWS itself documents, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, has a colon in its version.
# Frameworks that write PROVIDER:MODEL split at the first colon, and two of them disagree on what is left:
#   pydantic-ai 2.68.0: provider `us.anthropic.claude-sonnet-4-5-20250929-v1`, model `0`
#   langchain 1.5.2:    no provider it knows before the colon, so the id stays whole (and then it cannot tell the
#                       provider: it knows `anthropic.claude...` for Bedrock, but not the regional profile)
# Seen: "pydantic-ai: ('us.anthropic.claude-sonnet-4-5-20250929-v1', '0')", "langchain anthropic.: bedrock, whole",
# "langchain us.anthropic.: cannot tell".
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q "pydantic-ai-slim==2.68.0" "langchain==1.5.2"
"$dir/venv/bin/python" - <<'PY'
import sys

from langchain.chat_models.base import _parse_model
from pydantic_ai.models import parse_model_id

BASE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
split = parse_model_id(f"us.{BASE}")
print("pydantic-ai:", split)
whole, provider = _parse_model(BASE, None)
print(f"langchain anthropic.: {provider}, {'whole' if whole == BASE else whole}")
try:
    told = _parse_model(f"us.{BASE}", None)
except ValueError:
    told = None
print("langchain us.anthropic.:", "cannot tell" if told is None else told)
is_seen = split == ("us.anthropic.claude-sonnet-4-5-20250929-v1", "0") and (whole, provider) == (BASE, "bedrock")
sys.exit(not (is_seen and told is None))
PY
