# SPDX-License-Identifier: Apache-2.0
"""The committed files of the corpus, for the tests that go through it."""

from collections.abc import Iterator
from pathlib import Path

from resource_tables import SegmentSpec, elf_image

TABLES = Path(__file__).resolve().parent / "tables"
_CODE = SegmentSpec(paddr=0x1000, data=bytes(range(64)))


def paths() -> list[Path]:
    """Return every file, in the order of their names."""
    return sorted(TABLES.iterdir())


def is_image(path: Path) -> bool:
    """Whether a file is an ELF image, which a broken one cannot say itself, or a bare table."""
    return path.suffix == ".elf"


def images() -> Iterator[bytes]:
    """Yield the images, and the bare tables in images of both classes."""
    for path in paths():
        data = path.read_bytes()
        if is_image(path):
            yield data
        else:
            yield elf_image(data, elf_class=32, machine=40, table_addr=0x2000, segments=(_CODE,))
            yield elf_image(data, elf_class=64, machine=183, table_addr=0x2000, segments=(_CODE,))
