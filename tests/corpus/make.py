# SPDX-License-Identifier: Apache-2.0
"""Make the firmware files in tests/corpus/tables/: python -m tests.corpus.make

Those that a compiler makes are made again where the compilers are (Debian: gcc-arm-none-eabi, and for RISC-V
clang and binutils-riscv64-unknown-elf).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.corpus import broken, flawed, layouts

HERE = Path(__file__).resolve().parent
TABLES = HERE / "tables"
SOURCES = HERE / "sources"
_INCLUDE = HERE.parents[1] / "sdk" / "include"
_FLAGS = ("-std=c11", "-Os", "-ffreestanding", "-Wall", "-Wextra", "-Werror", f"-I{_INCLUDE}")
_LINK = ("-z", "max-page-size=4", "-s")

#: Files of sources/ by the name of what they make, with the processor.
COMPILED = {
    "accepted-st-stm32mp157-m4.elf": ("stm32mp157_m4", "cortex-m4"),
    "accepted-ti-k3-r5.elf": ("ti_k3_r5", "cortex-r5"),
    "accepted-amd-zynqmp-r5.elf": ("amd_zynqmp_r5", "cortex-r5"),
    "accepted-amd-microblaze-v.elf": ("amd_microblaze_v", "riscv32"),
}


def built() -> dict[str, bytes]:
    """Return every file that no compiler makes, by its name."""
    found = {f"accepted-{name}": data for name, data in layouts.ACCEPTED.items()}
    found |= {f"rejected-{name}": data for name, data in layouts.REJECTED.items()}
    found |= {f"no-table-{name}": data for name, data in layouts.NO_TABLE.items()}
    found |= {f"rejected-{name}.elf": data for name, data in broken.IMAGES.items()}
    found |= {f"rejected-{name}.bin": data for name, data in broken.TABLES.items()}
    found |= {f"no-table-{name}.elf": data for name, data in broken.NO_TABLE.items()}
    found |= {f"accepted-{name}.elf": data for name, data in flawed.IMAGES.items()}
    found |= {f"accepted-{name}.bin": data for name, data in flawed.TABLES.items()}
    return found


def compiled(name: str, folder: Path) -> bytes:
    """Return a file of COMPILED, made in ``folder``; raises OSError where the compiler is missing."""
    stem, processor = COMPILED[name]
    source, script, target = SOURCES / f"{stem}.c", SOURCES / f"{stem}.ld", folder / name
    if processor == "riscv32":
        part = folder / f"{stem}.o"
        machine = ("--target=riscv32-unknown-elf", "-march=rv32imac", "-mabi=ilp32")
        _run("clang", *machine, *_FLAGS, "-c", source, "-o", part)
        _run("riscv64-unknown-elf-ld", "-melf32lriscv", *_LINK, "-T", script, part, "-o", target)
    else:
        link = ("-nostdlib", "-Wl,--build-id=none", "-Wl," + ",".join(_LINK))
        _run(
            "arm-none-eabi-gcc",
            f"-mcpu={processor}",
            "-mthumb",
            *_FLAGS,
            *link,
            "-T",
            script,
            source,
            "-o",
            target,
        )
    return target.read_bytes()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, timeout=60)


def main() -> int:
    """Write the files, and say which could not be made."""
    files = built()
    with tempfile.TemporaryDirectory() as folder:
        for name in COMPILED:
            try:
                files[name] = compiled(name, Path(folder))
            except FileNotFoundError as error:
                print(f"{name}: left as it is, no {error.filename}")
    for old in TABLES.glob("*"):
        if old.name not in files.keys() | COMPILED.keys():
            old.unlink()
    for name, data in files.items():
        (TABLES / name).write_bytes(data)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
