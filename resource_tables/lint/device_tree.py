# SPDX-License-Identifier: Apache-2.0
"""The memory map of a remote core out of the target's device tree blob.

The regions are those of the core's node: what ``memory-region`` refers to, in that order, with the names of
``memory-region-names`` or else of the nodes; then memory of its own, from ``reg`` and ``sram``. Addresses are
physical ones; where the bus of the core has ``dma-ranges``, as on the STM32MP1, the core's follow from them.

Sources: Devicetree Specification 0.4, 2.3 and 3.5; Linux Documentation/devicetree/bindings/remoteproc and the
drivers named there. Needs pylibfdt (``pip install 'rprochost[dtb]'``), which is looked for when it is used.
"""

import os
import re
from collections.abc import Iterator
from itertools import islice

from resource_tables.errors import MemoryMapError
from resource_tables.files import read_bounded
from resource_tables.lint.fdt import Node, Tree
from resource_tables.memory_map import MemoryMap, Region
from resource_tables.model import ADDR_ANY

_MAX_BYTES = 4 << 20
_MAX_REGIONS = 256

#: How the compatible strings of Linux's remoteproc drivers end.
_CORE = re.compile(
    r"(rproc|remoteproc|-m[34]|-m4fss?|-cm4|-cm7|-cm7-mmio|-cm33|-r5f|-r52f|-cr7|-scp|-dsp|-hifi4|-pru|-rtu)$"
)
#: Names in ``reg-names`` that are memory and no registers.
_OWN_MEMORY = re.compile(r"tcm|ram")
#: Where a Cortex-R5F of TI's K3 sees the one of its two memories that is not at 0 (ti_k3_r5_remoteproc.c).
_K3_TCM = 0x41010000


def read_dtb(path: str | os.PathLike[str], node: str | None = None) -> MemoryMap:
    """Return the memory of a core as the device tree ``path`` has it.

    ``node`` is a path, an alias, a label (where the tree was compiled with symbols) or a name. None takes the
    only core that says which memory it has, or all reserved memory where there is no core. Raises
    MemoryMapError for what the tree says and when pylibfdt is missing, UnreadableError when the file cannot
    be read. Thread safety: any thread.
    """
    name = os.fspath(path)
    tree = Tree(name, read_bounded(path, _MAX_BYTES))
    core = _only_core(tree) if node is None else tree.find(node)
    found = _all_reserved(tree) if core is None else _memory_of(tree, core)
    regions: dict[str, Region] = {}
    for region in found:
        # Linux finds the first of a name; a node may be referred to twice.
        if region.size:
            regions.setdefault(region.name, region)
        if len(regions) > _MAX_REGIONS:
            raise MemoryMapError(name, f"more than {_MAX_REGIONS} regions")
    return MemoryMap(tuple(regions.values()), name)


def _only_core(tree: Tree) -> Node | None:
    found = [node for node in tree.nodes if _is_core(tree, node)]
    if len(found) > 1:
        paths = ", ".join(node.path for node in found)
        raise MemoryMapError(tree.file, f"{len(found)} remote cores: say which", hint=f"one of {paths}")
    return found[0] if found else None


def _is_core(tree: Tree, node: Node) -> bool:
    if not tree.words(node, "memory-region") or tree.strings(node, "status") == ("disabled",):
        return False
    return any(_CORE.search(word) for word in (node.bare_name, *tree.strings(node, "compatible")))


def _all_reserved(tree: Tree) -> Iterator[Region]:
    for node in tree.nodes:
        if node.parent is not None and node.parent.path == "/reserved-memory":
            yield from _reserved(tree, node, node.bare_name, ())


def _memory_of(tree: Tree, core: Node) -> Iterator[Region]:
    # Addresses of the core, of the bus above it, and bytes.
    windows = () if core.parent is None else tuple(tree.ranges(core.parent, "dma-ranges"))
    names = tree.strings(core, "memory-region-names")
    for index, node in enumerate(_referred(tree, core, "memory-region")):
        yield from _reserved(tree, node, names[index] if index < len(names) else node.bare_name, windows)
    yield from _own_memory(tree, core)
    for node in _referred(tree, core, "sram"):
        for address, size in islice(tree.reg(node), 1):
            pa = tree.physical(node, address)
            yield Region(node.name, pa, pa, size, "tcm")


def _referred(tree: Tree, core: Node, name: str) -> Iterator[Node]:
    """Yield the nodes that the phandles of a property refer to."""
    for index, phandle in enumerate(tree.words(core, name)[: _MAX_REGIONS + 1]):
        node = tree.by_phandle(phandle)
        if node is None:
            raise MemoryMapError(tree.file, f"{core.path}: {name} {index} refers to no node")
        yield node


def _reserved(tree: Tree, node: Node, name: str, windows: tuple[tuple[int, ...], ...]) -> Iterator[Region]:
    """Yield the region of a reserved-memory node; where the kernel chooses its place, da is any."""
    for pa, size in islice(tree.reg(node), 1):
        yield Region(name, _device_address(pa, windows), pa, size)
        return
    yield Region(name, ADDR_ANY, 0, tree.number(node, "size"))


def _device_address(pa: int, windows: tuple[tuple[int, ...], ...]) -> int:
    for device, bus, size in windows:
        if bus <= pa < bus + size:
            return device + pa - bus
    return pa


def _own_memory(tree: Tree, core: Node) -> Iterator[Region]:
    has_k3_order = bool(tree.words(core, "ti,loczrama"))
    low = "atcm" if tree.words(core, "ti,loczrama") != (0,) else "btcm"
    for name, (address, size) in zip(tree.strings(core, "reg-names"), tree.reg(core), strict=False):
        if not _OWN_MEMORY.search(name):
            continue
        pa = tree.physical(core, address)
        yield Region(name, address, pa, size, "tcm")
        if has_k3_order and name in ("atcm", "btcm"):
            # The core sees it elsewhere than the bus; both addresses are loaded to.
            yield Region(f"{name}-core", 0 if name == low else _K3_TCM, pa, size, "tcm")
