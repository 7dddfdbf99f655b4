# SPDX-License-Identifier: Apache-2.0
"""A device tree blob as nodes with a few typed properties, read with pylibfdt.

What libfdt has checked (``fdt_check_full``) cannot lead outside the blob; what a property holds is believed
no further than its own bytes.

Source: Devicetree Specification 0.4, 2.3.
"""

import importlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from resource_tables.errors import MemoryMapError

_CELL = 4
#: Address and size cells of a node that does not say (2.3.5), and the most that a 64-bit address needs.
_DEFAULT_CELLS = (2, 1)
_MAX_CELLS = 2
#: Buses above one another; deeper is no tree of a board.
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Node:
    """A node by its offset in the blob. Thread safety: immutable."""

    offset: int
    parent: "Node | None"
    name: str

    @property
    def path(self) -> str:
        """The names from the root on."""
        names = []
        node: Node | None = self
        while node is not None:
            names.append(node.name)
            node = node.parent
        return "/".join(reversed(names)) or "/"

    @property
    def bare_name(self) -> str:
        """The name without the unit address."""
        return self.name.partition("@")[0]


class Tree:
    """All nodes of a blob, in its order. Thread safety: any thread."""

    def __init__(self, file: str, data: bytes) -> None:
        """``file`` names it in errors. Raises MemoryMapError: a damaged blob, or pylibfdt is missing."""
        self.file = file
        try:
            # By name: it has no type stubs, and need not be there.
            lib: Any = importlib.import_module("libfdt")
        except ImportError:
            self.fail("a device tree is read with pylibfdt", "pip install 'rprochost[dtb]'")
        self._error: type[Exception] = lib.FdtException
        if lib.fdt_check_full(bytearray(data), len(data)) != 0:
            self._damaged()
        self._fdt = lib.Fdt(data)
        self._quiet = (lib.FDT_ERR_NOTFOUND,)
        self.nodes = tuple(self._walk())
        handles = ((self.words(node, "phandle"), node) for node in self.nodes)
        self._by_phandle = {words[0]: node for words, node in handles if words}

    def fail(self, what: str, hint: str = "") -> NoReturn:
        """Raise MemoryMapError."""
        raise MemoryMapError(self.file, what, hint=hint)

    def _damaged(self) -> NoReturn:
        self.fail("no device tree blob, or a damaged one", "dtc -I dts -O dtb -o board.dtb board.dts")

    def _ask(self, question: Callable[..., Any], *words: object) -> Any:
        try:
            return question(*words)
        except self._error:
            self._damaged()

    def _walk(self) -> Iterator[Node]:
        above: list[Node] = []
        offset, depth = 0, 0
        while offset >= 0 and depth >= 0:
            if depth > _MAX_DEPTH:
                self.fail(f"nodes are nested deeper than {_MAX_DEPTH}")
            del above[depth:]
            name = self._ask(self._fdt.get_name, offset)
            above.append(Node(offset, above[-1] if above else None, name))
            yield above[-1]
            offset, depth = self._ask(self._fdt.next_node, offset, depth, self._quiet)

    def raw(self, node: Node, name: str) -> bytes | None:
        """Return the bytes of a property, or None where there is none."""
        value = self._ask(self._fdt.getprop, node.offset, name, self._quiet)
        return None if isinstance(value, int) else bytes(value)

    def words(self, node: Node, name: str) -> tuple[int, ...]:
        """Return the 32-bit cells of a property; empty where there is none."""
        value = self.raw(node, name) or b""
        count = len(value) // _CELL
        return struct.unpack(f">{count}I", value[: count * _CELL])

    def strings(self, node: Node, name: str) -> tuple[str, ...]:
        """Return the strings of a property; empty where there is none."""
        value = self.raw(node, name) or b""
        return tuple(part.decode("utf-8", "backslashreplace") for part in value.split(b"\0")[:-1])

    def number(self, node: Node, name: str) -> int:
        """Return a property of one or two cells as a number, 0 where there is none."""
        return _number(self.words(node, name)[:_MAX_CELLS])

    def by_phandle(self, phandle: int) -> Node | None:
        """Return the node that a cell refers to."""
        return self._by_phandle.get(phandle)

    def find(self, wanted: str) -> Node:
        """Return a node by its path, an alias, a label or its name; raises MemoryMapError."""
        if re.fullmatch(r"[\w,.+?#-]+", wanted, re.ASCII):
            wanted = self._link("/aliases", wanted) or self._link("/__symbols__", wanted) or wanted
        # The root has no name that one could mean.
        found = [node for node in self.nodes if wanted and wanted in (node.path, node.name, node.bare_name)]
        if len(found) != 1:
            there = f"{len(found)} nodes are" if found else "no node is"
            paths = f"one of {', '.join(node.path for node in found[:8])}" if found else ""
            self.fail(f'{there} named "{wanted}"', paths)
        return found[0]

    def _link(self, folder: str, name: str) -> str:
        """Return the path that a property of /aliases or /__symbols__ holds."""
        for node in self.nodes:
            if node.path == folder:
                return next(iter(self.strings(node, name)), "")
        return ""

    def _cells(self, node: Node | None) -> tuple[int, int]:
        """Return how many cells an address and a size have among the children of a node."""
        address, size = _DEFAULT_CELLS
        if node is None:
            return address, size
        address = (self.words(node, "#address-cells") or (address,))[0]
        size = (self.words(node, "#size-cells") or (size,))[0]
        if not 1 <= address <= _MAX_CELLS or size > _MAX_CELLS:
            self.fail(f"{node.path}: addresses of {address} cells, sizes of {size} cells")
        return address, size

    def reg(self, node: Node) -> Iterator[tuple[int, ...]]:
        """Yield address and size of each range of a node, in the address space of its parent."""
        return _records(self.words(node, "reg"), *self._cells(node.parent))

    def ranges(self, bus: Node, name: str) -> Iterator[tuple[int, ...]]:
        """Yield (address below, address above, size) of ``ranges`` or ``dma-ranges``."""
        below, size = self._cells(bus)
        above, _ = self._cells(bus.parent)
        return _records(self.words(bus, name), below, above, size)

    def physical(self, node: Node, address: int) -> int:
        """Translate an address of ``reg`` through the buses above, as far as they say how."""
        bus = node.parent
        while bus is not None and bus.parent is not None:
            for below, above, size in self.ranges(bus, "ranges"):
                if below <= address < below + size:
                    address += above - below
                    break
            bus = bus.parent
        return address


def _records(words: tuple[int, ...], *cells: int) -> Iterator[tuple[int, ...]]:
    """Cut cells into records of numbers; what is left over at the end is no record."""
    length = sum(cells)
    for start in range(0, len(words) - length + 1, length):
        numbers, at = [], start
        for count in cells:
            numbers.append(_number(words[at : at + count]))
            at += count
        yield tuple(numbers)


def _number(cells: tuple[int, ...]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value
