# SPDX-License-Identifier: Apache-2.0
# What cffi generates: declarations are checked by the C compiler against the headers, not by mypy.
from typing import Any

import cffi

ffi: cffi.FFI
lib: Any
