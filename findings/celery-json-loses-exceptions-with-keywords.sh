#!/usr/bin/env bash
# Celery: an exception of a task with a required keyword arrives at .get() as a bare Exception, with its repr as text.
#
# Seen: Celery 5.7.0, its default serializer (JSON): kept are class name, module and args; made anew is cls(*args), and
#   where that is a TypeError the caller gets builtins.Exception("<class '...Refused'>(['no money'])"), so that
#   `except Refused` does not catch it. No warning is logged. With a default for the keyword the class arrives.
# Expected: the class without its attributes, or an error that says why it could not be made.
# Exits 0 while it is so, 1 once it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check celery==5.7.0
cd "$work"
cat > refusals.py <<'PYTHON'
class Refused(Exception):
    def __init__(self, message, *, limit):
        super().__init__(message)
        self.limit = limit


class Lenient(Exception):
    def __init__(self, message, *, limit=None):
        super().__init__(message)
        self.limit = limit
PYTHON
"$work/venv/bin/python" - <<'PYTHON'
from celery import Celery
from celery.backends.cache import CacheBackend
from refusals import Lenient, Refused

backend = CacheBackend(Celery(), backend="memory", serializer="json")
for error in (Refused("no money", limit=5), Lenient("no money", limit=5)):
    back = backend.exception_to_python(backend.decode(backend.encode(backend.prepare_exception(error))))
    print(type(error).__name__, "->", type(back).__name__, repr(str(back)))
    assert isinstance(back, Lenient) == isinstance(error, Lenient)
    assert not isinstance(back, Refused)
PYTHON
