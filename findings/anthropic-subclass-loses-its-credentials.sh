#!/usr/bin/env bash
# A subclass of the SDK's client, as an application makes one to add a method, loses its credentials in `with_options` and
# `copy`: the derived client has none and is refused before it sends anything. The class itself keeps them.
#
# Seen with anthropic 2.14.0: "Anthropic keeps True", "Own keeps False".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "anthropic==2.14.0"
env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
from anthropic import Anthropic
from anthropic.lib.credentials import AccessToken


class Own(Anthropic):
    pass


def credentials(**_):
    return AccessToken(token="none", expires_at=None)


kept = {kind: kind(credentials=credentials).with_options(timeout=3).credentials is not None for kind in (Anthropic, Own)}
for kind, keeps in kept.items():
    print(kind.__name__, "keeps", keeps)
assert kept == {Anthropic: True, Own: False}, "the behaviour has changed"
PYTHON
