#!/usr/bin/env bash
# OpenRouter's package drops the image tokens of a chat's usage, which its own batch types have.
#
# Seen: openrouter 1.3.84: completion_tokens_details.image_tokens 5 and prompt_tokens_details.image_tokens 258, as sent, are
#   gone from ChatUsage, object and dump; BatchListItemCompletionTokensDetails declares image_tokens. No error.
# Expected: what was sent, at least as a field that is not declared.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check openrouter==1.3.84
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from openrouter.components.batchlistitem import BatchListItemCompletionTokensDetails
from openrouter.components.chatusage import ChatUsage

sent = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600, "image_tokens": 258},
    "completion_tokens_details": {"reasoning_tokens": 200, "image_tokens": 5},
}
usage = ChatUsage.model_validate(sent)
print("kept:", usage.model_dump())
assert usage.prompt_tokens_details.cached_tokens == 600
assert "image_tokens" not in repr(usage.model_dump())
assert not hasattr(usage.completion_tokens_details, "image_tokens")
assert BatchListItemCompletionTokensDetails(image_tokens=5).image_tokens == 5
PYTHON
