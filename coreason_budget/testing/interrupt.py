"""Ctrl-C at a chosen moment: raised exactly where Python looks for signals."""

from __future__ import annotations

import dis
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import coreason_budget

# CPython runs signal handlers at the start of a function, after a call and on the way back in a loop.
_LOOKS = ("RESUME", "CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD")
_LIBRARY = str(Path(coreason_budget.__file__).parent) + os.sep
_TESTING = str(Path(__file__).parent) + os.sep


@contextmanager
def interrupted_at(step: int, ledger: object) -> Iterator[None]:
    """Raise KeyboardInterrupt at moment number ``step`` of the block's work in the library or the ledger's module.

    A block that ends before that many moments is not interrupted.
    """
    backend = inspect.getfile(type(ledger))
    left = step

    def enter(frame: FrameType, event: str, arg: object) -> Any:
        path = frame.f_code.co_filename
        if path != backend and (not path.startswith(_LIBRARY) or path.startswith(_TESTING)):
            return None
        if _is_in_destructor(frame):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        looks = False

        def follow(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal left, looks
            if event == "opcode":
                left -= looks
                if left < 0:
                    raise KeyboardInterrupt
                looks = _name(frame.f_code, frame.f_lasti) in _LOOKS
            return follow

        return follow

    before = sys.gettrace()
    # Python 3.12 looks at settrace() whether any frame ever asked for opcodes, and not again.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
    if left < 0:
        # It struck where Python swallows exceptions.
        raise KeyboardInterrupt


def _is_in_destructor(frame: FrameType | None) -> bool:
    """Python itself swallows what is raised there: nobody's call is interrupted by it."""
    while frame is not None:
        if "__del__" in frame.f_code.co_name:
            return True
        frame = frame.f_back
    return False


@cache
def _codes(code: CodeType) -> bytes:
    return code.co_code


def _name(code: CodeType, offset: int) -> str:
    return dis.opname[_codes(code)[offset]]
