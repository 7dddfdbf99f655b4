# SPDX-License-Identifier: Apache-2.0
"""The door of this room to the compiled extension: nothing else in `rprochost` imports it."""

from _rproc import ffi, lib

__all__ = ["ffi", "lib"]
