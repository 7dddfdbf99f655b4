# SPDX-License-Identifier: Apache-2.0
"""Firmware files with a few fields changed; a seed gives the same ones everywhere and every time.

Most changes hit what the loader looks at, fields of the headers and of the table, with values round the
limits that are checked. Some change the order or the names of entries, cut the file, or flip a bit anywhere.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

from resource_tables import TableView
from resource_tables.elf_header import (
    CLASS64,
    ELF_MAGIC,
    TABLE_SECTION_NAME,
    ElfHeader,
)
from resource_tables.model import NAME_BYTES
from resource_tables.view import HEADER_BYTES, NAME_AT

#: A field of a file: offset and size in bytes.
Place = tuple[int, int]

_SMALL = (0, 1, 2, 3, 4, 5, 15, 16, 17, 64, 127, 128, 255, 256, 512, 513, 4096, 0x8000, 0xFFFF)
_LARGE = tuple((1 << 31) + step for step in (-1, 0, 16)) + tuple(
    (1 << 32) - step for step in (4096, 16, 4, 1)
)
_HUGE = (1 << 32, (1 << 32) + 4096, 1 << 63, *((1 << 64) - step for step in (4096, 64, 16, 1)))
_NAMES = (
    b"",
    b"a",
    b"vdev0vring0",
    b"vdev0vring1",
    b"vdev1vring0",
    b"vdev0buffer",
    b"%s",
    b"n" * 31,
    b"n" * 32,
)

#: Sizes of the fields of the ELF headers in file order, for 32 and 64 bits; e_ident apart.
_FILE_HEADER = {False: (2, 2, 4, 4, 4, 4, 4, *(2,) * 6), True: (2, 2, 4, 8, 8, 8, 4, *(2,) * 6)}
_PROGRAM_HEADER = {False: (4,) * 8, True: (4, 4, *(8,) * 6)}
_SECTION_HEADER = {False: (4,) * 10, True: (4, 4, 8, 8, 8, 8, 4, 4, 8, 8)}
#: Headers of a kind, or entries, that are changed; whatever their number claims to be.
_MOST = 64
#: Of an entry, as many bytes as the largest common one has.
_ENTRY_BYTES = 68


def mutants(files: Sequence[bytes], count: int, seed: str) -> Iterator[bytes]:
    """Yield ``count`` files, each one of ``files`` with one to four changes."""
    layouts = [_Layout(data) for data in files]
    chance = random.Random(seed)
    for _ in range(count):
        layout = chance.choice(layouts)
        mutant = _Mutant(layout, chance)
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
            chance.choice(_CHANGES)(mutant)
        yield bytes(mutant.data)


class _Layout:
    """Where the fields of a file lie before anything is changed."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        header = ElfHeader(data)
        is_image = data[:4] == ELF_MAGIC
        section = header.find_section(TABLE_SECTION_NAME) if is_image else None
        self.table_at = section.offset if section else 0
        table_end = section.offset + section.size if section else 0 if is_image else len(data)
        self.headers = _header_fields(header) if is_image else []
        self.entries: tuple[int, ...] = ()  #: where each begins in the file
        self.names: list[int] = []
        self.table: list[Place] = []
        table = data[self.table_at : table_end]
        if len(table) >= HEADER_BYTES:
            self._find_entries(TableView(table))

    def _find_entries(self, view: TableView) -> None:
        entries = tuple(islice(view, _MOST))
        self.entries = tuple(self.table_at + entry.offset for entry in entries)
        fields = [(4 * word, 4) for word in range(4 + len(entries))]
        for entry in entries:
            fields += [(entry.offset + at, 4) for at in range(0, _ENTRY_BYTES, 4)]
            # The counts and the reserved bytes of a vdev.
            fields += [(entry.offset + at, 1) for at in range(24, 28)]
            if entry.fits and entry.type in NAME_AT:
                self.names.append(self.table_at + entry.offset + 4 + NAME_AT[entry.type])
        self.table = [(self.table_at + at, size) for at, size in fields]


def _header_fields(header: ElfHeader) -> list[Place]:
    wide = header.elf_class == CLASS64
    ident = [(at, 1) for at in (0, 4, 4, 5, 6)]
    fields = ident + _consecutive(16, _FILE_HEADER[wide])
    for number in range(min(header.phnum, _MOST)):
        start = header.phoff + number * header.program_header_bytes
        fields += _consecutive(start, _PROGRAM_HEADER[wide])
    for number in range(min(header.shnum, _MOST)):
        start = header.shoff + number * header.section_header_bytes
        fields += _consecutive(start, _SECTION_HEADER[wide])
    return fields


def _consecutive(start: int, sizes: Sequence[int]) -> list[Place]:
    places = []
    for size in sizes:
        places.append((start, size))
        start += size
    return places


class _Mutant:
    """A file that is being changed; a change that finds nothing to change leaves it as it is."""

    def __init__(self, layout: _Layout, chance: random.Random) -> None:
        self.data = bytearray(layout.data)
        self._layout = layout
        self._chance = chance

    def set_header(self) -> None:
        """Give a field of an ELF header another value."""
        self._set_one(self._layout.headers)

    def set_word(self) -> None:
        """Give a field of the table another value."""
        self._set_one(self._layout.table)

    def move_entry(self) -> None:
        """Let an element of the offset array point elsewhere, to the place of another entry, too."""
        if self._layout.entries:
            index = self._chance.randrange(len(self._layout.entries))
            goal = self._chance.choice(self._layout.entries) - self._layout.table_at
            step = self._chance.choice((0, 0, 0, -4, 4, 1, 56))
            self._put((self._layout.table_at + HEADER_BYTES + 4 * index, 4), goal + step)

    def rename(self) -> None:
        """Give an entry another name, that of another entry, too."""
        if self._layout.names:
            others = [bytes(self._layout.data[at : at + NAME_BYTES]) for at in self._layout.names]
            name = self._chance.choice((*_NAMES, *others)).ljust(NAME_BYTES, b"\0")
            at = self._chance.choice(self._layout.names)
            if at + NAME_BYTES <= len(self.data):
                self.data[at : at + NAME_BYTES] = name

    def cut(self) -> None:
        """End the file earlier, most often inside its last hundred bytes."""
        size = len(self.data)
        end = self._chance.randrange(max(size - 100, 0), size + 1) if self._chance.random() < 0.7 else None
        del self.data[self._chance.randrange(size + 1) if end is None else end :]

    def flip(self) -> None:
        """Flip a bit anywhere."""
        if self.data:
            self.data[self._chance.randrange(len(self.data))] ^= 1 << self._chance.randrange(8)

    def _set_one(self, places: Sequence[Place]) -> None:
        if places:
            place = self._chance.choice(places)
            self._put(place, self._value(place))

    def _value(self, place: Place) -> int:
        at, size = place
        kind = self._chance.randrange(5)
        if kind == 0:
            return self._chance.getrandbits(8 * size)
        if kind == 1:
            return len(self.data) - self._chance.choice((0, 1, 3, 4, 16, 40, 64, at))
        if kind == 2:
            step = self._chance.choice((-64, -16, -4, -1, 1, 4, 16, 64))
            return int.from_bytes(self.data[at : at + size], "little") + step
        return self._chance.choice(_SMALL + _LARGE + _HUGE if kind == 3 else _SMALL)

    def _put(self, place: Place, value: int) -> None:
        at, size = place
        # Earlier changes may have cut the file, or moved what is written behind its end.
        if at + size <= len(self.data):
            self.data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")


#: As often as they are here.
_CHANGES = (
    *(_Mutant.set_header,) * 4,
    *(_Mutant.set_word,) * 7,
    *(_Mutant.move_entry,) * 2,
    *(_Mutant.rename,) * 2,
    _Mutant.cut,
    _Mutant.flip,
)
