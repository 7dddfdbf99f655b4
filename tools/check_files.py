# SPDX-License-Identifier: Apache-2.0
"""Check what no linter does: licence lines, length of files, and marks that silence another check."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "sdk", "virtio", "resource_tables", "rpmsg", "rproc", "cores", "rprochost",
    "benchmarks", "tests", "examples", "tools", ".ci",
)  # fmt: skip
SOURCES = {".py", ".pyi", ".c", ".h", ".ld", ".cmake"}
MAX_LINES = 400
LICENCE = "SPDX-License-Identifier: Apache-2.0"
# Brackets, so that this file does not find itself.
MARKS = re.compile("TOD[O]|FIXM[E]|type: ignor[e]|noq[a]|pragma: no cove[r]|NOLIN[T]")


def source_files() -> Iterator[Path]:
    """Yield every source file of the project."""
    yield from (path for path in ROOT.iterdir() if path.suffix in SOURCES)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            script = path.parent.name in {"tools", ".ci"} and not path.suffix
            if path.is_file() and (path.suffix in SOURCES or script):
                yield path


def findings(path: Path) -> Iterator[str]:
    """Yield what is wrong with one file, as lines of the form file:line: text."""
    name = path.relative_to(ROOT)
    lines = path.read_text(encoding="utf-8").splitlines()
    if not any(LICENCE in line for line in lines[:2]):
        yield f"{name}:1: no line with {LICENCE}"
    if len(lines) > MAX_LINES:
        yield f"{name}:{len(lines)}: more than {MAX_LINES} lines"
    for number, line in enumerate(lines, 1):
        if found := MARKS.search(line):
            yield f"{name}:{number}: {found.group()}"


def main() -> int:
    """Print every finding; return 1 when there is one."""
    files = list(source_files())
    found = [finding for path in files for finding in findings(path)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"check_files: {len(files)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
