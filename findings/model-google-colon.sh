#!/usr/bin/env bash
# `google:gemini-2.5-pro` is two hosts with two bills. Agent frameworks write PROVIDER:MODEL, and one would guess
# that the same word before the colon calls the same API:
#   pydantic-ai 2.68.0: `google:` is the Gemini API (Vertex AI is `google-cloud:`)
#   aisuite 0.2.0:      `google:` is Vertex AI (the Gemini API is `gemini:`)
# Whoever prices or limits by such a name must know which framework wrote it.
# Seen: "pydantic-ai google: Gemini API", "aisuite google: Vertex AI".
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q "pydantic-ai-slim[google]==2.68.0" "aisuite==0.2.0"
"$dir/venv/bin/python" - <<'PY'
import ast
import sys
from importlib.util import find_spec
from pathlib import Path

from pydantic_ai.providers import infer_provider_class
from pydantic_ai.providers.google import GoogleProvider

is_plain = infer_provider_class("google") is GoogleProvider
uses_gemini = is_plain and not GoogleProvider(api_key="unused").client.vertexai
print("pydantic-ai google:", "Gemini API" if uses_gemini else "something else")

# aisuite takes providers/PROVIDER_provider.py for PROVIDER:MODEL; that file needs vertexai, which is heavy.
source = Path(find_spec("aisuite").submodule_search_locations[0], "providers", "google_provider.py").read_text()
imported = {name.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for name in node.names}
uses_vertex = "vertexai" in imported and "GOOGLE_PROJECT_ID" in source
print("aisuite google:", "Vertex AI" if uses_vertex else "something else")
sys.exit(not (uses_gemini and uses_vertex))
PY
