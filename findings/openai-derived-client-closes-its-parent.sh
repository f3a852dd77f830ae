#!/usr/bin/env bash
# `with client.with_options(timeout=3) as quick:` closes the connections of `client` too: a derived client shares them, and
# its block closes what it did not open. The next call of the parent is a bare RuntimeError, no error of the SDK's.
#
# Seen with openai 3.57.0 and anthropic 2.14.0: "openai parent closed True", "anthropic parent closed True", then
# "Cannot send a request, as the client has been closed."
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "openai==3.57.0" "anthropic==2.14.0"
"$folder/venv/bin/python" - <<'PYTHON'
import anthropic
import openai

for name, client in (("openai", openai.OpenAI(api_key="none")), ("anthropic", anthropic.Anthropic(api_key="none"))):
    assert not client.is_closed()
    with client.with_options(timeout=3):
        pass
    print(name, "parent closed", client.is_closed())
    assert client.is_closed(), "the behaviour has changed"
client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:9")
client.with_options(timeout=3).close()
try:
    client.models.list()
except RuntimeError as error:
    assert not isinstance(error, openai.OpenAIError)
    print(error)
else:
    raise AssertionError("the behaviour has changed")
PYTHON
