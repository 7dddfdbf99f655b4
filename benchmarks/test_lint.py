# SPDX-License-Identifier: Apache-2.0
"""`rproc lint` as somebody waits for it: a whole process, for one image and for the output of a build."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from resource_tables import Carveout, ResourceTable, SegmentSpec, Trace, Vdev, Vring, elf_image

COMMAND = (
    sys.executable,
    "-c",
    "import sys; from rprochost.cli import main; sys.exit(main())",
    "lint",
    "--json",
)
IMAGES, IMAGE_BYTES = 200, 1_000_000


def write_image(file: Path, size: int) -> None:
    """Write a firmware of a microcontroller with ``size`` bytes of code in four segments."""
    table = ResourceTable(
        (
            Carveout(name="code", da=0x10000000, size=0x200000, flags=3),
            Vdev(id=7, dfeatures=1, vrings=(Vring(num=16, align=16), Vring(num=16, align=16, notifyid=1))),
            Trace(name="log", da=0x10180000, size=0x1000),
        )
    )
    part = size // 4
    segments = tuple(SegmentSpec(paddr=0x10001000 + i * (part + 0x1000), data=bytes(part)) for i in range(4))
    file.write_bytes(
        elf_image(table, elf_class=32, machine=40, table_addr=0x10000000, segments=segments, e_type=2)
    )


def lint(files: list[Path]) -> int:
    """Lint the files in a process of its own and return how many were accepted."""
    result = subprocess.run([*COMMAND, *files], capture_output=True, timeout=100, check=True)
    reports = json.loads(result.stdout)["files"]
    return sum(report["verdict"] == "accepted" for report in reports)


def test_lint_of_one_image_as_a_whole_process(benchmark: Any, tmp_path: Path) -> None:
    """The aim is 0.25 s, most of which is the interpreter and its imports."""
    write_image(tmp_path / "fw.elf", 100_000)
    benchmark.extra_info["aim_s"] = 0.25
    assert benchmark.pedantic(lint, args=([tmp_path / "fw.elf"],), rounds=10, warmup_rounds=1) == 1


def test_lint_of_200_images_of_1_mb(benchmark: Any, tmp_path: Path) -> None:
    """The aim is 4 s."""
    files = [tmp_path / f"fw{number}.elf" for number in range(IMAGES)]
    for file in files:
        write_image(file, IMAGE_BYTES)
    benchmark.extra_info["aim_s"] = 4.0
    assert benchmark.pedantic(lint, args=(files,), rounds=2, warmup_rounds=1) == IMAGES
