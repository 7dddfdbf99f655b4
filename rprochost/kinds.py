# SPDX-License-Identifier: Apache-2.0
"""Which kind of core a firmware file is for, when nobody said it."""

from pathlib import Path

from resource_tables import ElfImage

_PT_INTERP = 3


def guess_kind(firmware: str | Path) -> str:
    """Return "python" for FILE.py:Class, "library" for an ELF shared library, else "process".

    A position-independent executable and a shared library have the same ELF type; what tells them apart is
    the program interpreter, which only an executable names. What is no ELF at all is left to the process
    kind, whose error says so. Thread safety: any thread.
    """
    name = Path(firmware).name
    if name.partition(":")[0].endswith(".py"):
        return "python"
    try:
        image = ElfImage.parse(Path(firmware).read_bytes())
    except (OSError, ValueError):
        return "process"
    shared = image.type == 3 and not any(segment.type == _PT_INTERP for segment in image.segments)
    return "library" if shared else "process"
