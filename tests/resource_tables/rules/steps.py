# SPDX-License-Identifier: Apache-2.0
"""Counts what a function does, in lines of the validator that it runs: a measure that no load can shift."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import resource_tables

_ROOM = str(Path(resource_tables.__file__).parent)


def steps(function: Callable[[], object]) -> int:
    """Return how many lines of resource_tables run while ``function`` does."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        nonlocal count
        if not frame.f_code.co_filename.startswith(_ROOM):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
