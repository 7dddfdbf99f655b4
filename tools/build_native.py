# SPDX-License-Identifier: Apache-2.0
"""Generate the C source of the extension `_rproc` from the rooms' cffi declarations.

Each declaration file names the headers that declare the same things for the C compiler, in lines of the
form ``// include: "rp_bus.h"``, so that the compiler compares the two.
"""

import argparse
import contextlib
import io
import re
import sys
from pathlib import Path

from cffi import FFI

INCLUDE_LINE = re.compile(r"^//\s*include:\s*(\"[^\"]+\"|<[^>]+>)\s*$", re.MULTILINE)


def prelude(declarations: list[str]) -> str:
    """Return the ``#include`` lines that the declarations ask for, each once, in order of first use."""
    headers = [header for text in declarations for header in INCLUDE_LINE.findall(text)]
    return "".join(f"#include {header}\n" for header in dict.fromkeys(headers))


def generate(cdefs: list[Path], output: Path) -> None:
    """Write the C source of ``_rproc`` for the declaration files, in the given order, to output."""
    ffi = FFI()
    declarations = [path.read_text(encoding="utf-8") for path in cdefs]
    for path, text in zip(cdefs, declarations, strict=True):
        try:
            # Neighbours do not know of each other, so two rooms may declare the same function of the SDK. The
            # last one is taken, and compared with the header like any other.
            ffi.cdef(text, override=True)
        except Exception as error:
            # cffi names neither the file nor a useful line.
            error.add_note(f"in {path}")
            raise
    ffi.set_source("_rproc", prelude(declarations))
    with contextlib.redirect_stdout(io.StringIO()):
        ffi.emit_c_code(str(output))
    # cffi leaves a file alone that would not change, and the build would call again for ever.
    output.touch()


def main(arguments: list[str]) -> int:
    """Run the generator; the exit code is 0 or an exception's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("cdefs", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    generate(options.cdefs, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
