# SPDX-License-Identifier: Apache-2.0
"""The room's only door to the compiled extension."""

from typing import Any

from _rproc import ffi, lib

__all__ = ["ffi", "lib", "text_of"]


def text_of(pointer: Any) -> str:
    """Return the text of a ``char *``; bytes that are not UTF-8 are replaced."""
    raw = ffi.string(pointer)
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
