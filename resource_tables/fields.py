# SPDX-License-Identifier: Apache-2.0
"""The fields of a table by the names Linux gives them: one list for TOML, JSON, C, edits and comparisons.

The values have their form here, too: a number, "any" for an address that the host chooses, a list for two
reserved bytes, hexadecimal text for bytes.

Names and places: Linux include/linux/remoteproc.h, struct resource_table and struct fw_rsc_*.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from resource_tables.model import (
    ADDR_ANY,
    RSC_CARVEOUT,
    RSC_DEVMEM,
    RSC_TRACE,
    RSC_VDEV,
    Carveout,
    Devmem,
    Entry,
    ResourceTable,
    Trace,
    Unknown,
    Vdev,
    Vring,
)

#: How TOML, JSON and the command line write ADDR_ANY.
ANY = "any"

#: The names of the entry types; every other type is the vendor's and goes by its number.
TYPE_NAMES = {RSC_CARVEOUT: "carveout", RSC_DEVMEM: "devmem", RSC_TRACE: "trace", RSC_VDEV: "vdev"}
#: What entries of a type without a name are called, when one of them is spoken of.
VENDOR = "vendor"

#: Read in hexadecimal: addresses, sizes of memory, bits. The names that are no field are of TOML.
_IN_HEX = frozenset(("da", "pa", "len", "flags", "dfeatures", "gfeatures", "offset", "size"))

#: A field as TOML and JSON have it.
Value = int | str | list[int]


class Kind(Enum):
    """What a field holds: its size in bytes, and what a value must be. Thread safety: immutable."""

    WORD = (4, "a number from 0 to 0xffffffff")
    ADDRESS = (4, f'a number from 0 to 0xffffffff or "{ANY}"')
    BYTE = (1, "a number from 0 to 255")
    BYTES = (2, "two numbers from 0 to 255")
    WORDS = (8, "two numbers from 0 to 0xffffffff")

    @property
    def size(self) -> int:
        """Bytes of the field."""
        return self.value[0]

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        return self.value[1]

    @property
    def is_pair(self) -> bool:
        """Whether it is an array of two."""
        return self in (Kind.BYTES, Kind.WORDS)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, where it lies (bytes from the entry's type word), and what it holds.

    ``attribute`` is its name in the model where that differs, ``default`` what it is when nobody says it
    (None: it has to be said). ``counts`` names the attribute whose length it is: nobody says that.
    Thread safety: immutable.
    """

    name: str
    at: int
    kind: Kind = Kind.WORD
    attribute: str = ""
    default: int | None = 0
    counts: str = ""

    def number(self, owner: Entry | Vring | ResourceTable) -> int:
        """Return what the field of an entry, a vring or the header holds, as an unsigned number."""
        if self.counts:
            return len(getattr(owner, self.counts))
        value = getattr(owner, self.attribute or self.name)
        return value[0] | value[1] << 32 if self.kind is Kind.WORDS else int(value)

    def show(self, number: int) -> Value:
        """Return a number as TOML and JSON have it."""
        if self.kind.is_pair:
            half = 4 * self.kind.size
            return [number & (1 << half) - 1, number >> half]
        return ANY if self.kind is Kind.ADDRESS and number == ADDR_ANY else number

    def read(self, value: object) -> int:
        """Return the number for a value of TOML or JSON; ValueError("must be …") when it is none."""
        if self.kind is Kind.ADDRESS and value == ANY:
            return ADDR_ANY
        bits = 8 * self.kind.size
        if self.kind.is_pair:
            if isinstance(value, list) and [_unsigned(item, bits // 2) for item in value] == [True, True]:
                return int(value[0] | value[1] << bits // 2)
        elif isinstance(value, int) and _unsigned(value, bits):
            return value
        raise ValueError(f"must be {self.kind.wanted}, not {shown(value)}")


def _unsigned(value: object, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << bits


def number_text(name: str, number: int) -> str:
    """Return the number of a field as people and compilers read it. Thread safety: any thread."""
    return f"{number:#x}" if name in _IN_HEX or number >= 1 << 16 else f"{number}"


def value_text(path: str, value: Value) -> str:
    """Return the value of the field at the end of a path for a line of text. Thread safety: any thread."""
    if isinstance(value, int):
        return number_text(path.rpartition(".")[2], value)
    if isinstance(value, str) and len(value) > 40:
        return f"{value[:32]}… ({len(value) // 2} bytes)"
    return str(value)


def shown(value: object) -> str:
    """Return a value of a TOML file for an error message, which it must not fill."""
    try:
        text = str(value).lower() if isinstance(value, bool) else repr(value)
    except ValueError:  # an integer of thousands of digits
        return "that large a number"
    return text if len(text) <= 40 else text[:39] + "…"


_MEMORY = (
    Field("pa", 8),
    Field("len", 12, attribute="size", default=None),
    Field("flags", 16),
    Field("reserved", 20),
)

HEADER_FIELDS = (
    Field("ver", 0, attribute="version", default=1),
    Field("num", 4, counts="entries"),
    Field("reserved", 8, Kind.WORDS),
)

VRING_FIELDS = (
    Field("da", 0, Kind.ADDRESS, default=ADDR_ANY),
    Field("align", 4, default=None),
    Field("num", 8, default=None),
    Field("notifyid", 12),
    Field("pa", 16),
)

#: The fields of each type of entry, in the order of the structures; names and bytes are not among them.
FIELDS: dict[type, tuple[Field, ...]] = {
    Carveout: (Field("da", 4, Kind.ADDRESS, default=ADDR_ANY), *_MEMORY),
    Devmem: (
        Field("da", 4, Kind.ADDRESS, default=None),
        Field("pa", 8, default=None),
        *_MEMORY[1:],
    ),
    Trace: (
        Field("da", 4, Kind.ADDRESS, default=None),
        Field("len", 8, attribute="size", default=None),
        Field("reserved", 12),
    ),
    Vdev: (
        Field("id", 4, default=None),
        Field("notifyid", 8),
        Field("dfeatures", 12),
        Field("gfeatures", 16),
        Field("config_len", 20, counts="config"),
        Field("status", 24, Kind.BYTE),
        Field("num_of_vrings", 25, Kind.BYTE, counts="vrings"),
        Field("reserved", 26, Kind.BYTES),
    ),
    Unknown: (),
}

#: The class of each type of entry.
CLASSES: dict[int, type[Carveout] | type[Devmem] | type[Trace] | type[Vdev]] = {
    kind.TYPE: kind for kind in (Carveout, Devmem, Trace, Vdev)
}


def type_number(entry: Entry) -> int:
    """Return the type word of an entry."""
    return entry.type if isinstance(entry, Unknown) else entry.TYPE


def labels(types: Iterable[int]) -> list[str]:
    """Return what the entries of these types are called: carveout0, vdev0, vdev1, vendor0 …

    For traces and vdevs these are the numbers that Linux counts, too.
    """
    counts: Counter[str] = Counter()
    found = []
    for number in types:
        name = TYPE_NAMES.get(number, VENDOR)
        found.append(f"{name}{counts[name]}")
        counts[name] += 1
    return found
