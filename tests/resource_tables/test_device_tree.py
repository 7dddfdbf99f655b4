# SPDX-License-Identifier: Apache-2.0
"""Memory maps from device trees, compiled here as the boards' trees have them."""

import importlib
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ADDR_ANY, MemoryMap, MemoryMapError, Region, UnreadableError, validate
from resource_tables.lint.device_tree import read_dtb
from tests.resource_tables.strategies import raw_carveout, raw_table

#: Without type stubs.
LIBFDT: Any = importlib.import_module("libfdt")

#: A property is cells, strings or bytes; a node is a table of properties and nodes.
Node = Mapping[str, Any]


def cells(*values: int) -> bytes:
    """Return 32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def strings(*values: str) -> bytes:
    """Return a list of strings."""
    return b"".join(value.encode() + b"\0" for value in values)


def compiled(root: Node) -> bytes:
    """Return the blob of a tree."""
    writer = LIBFDT.FdtSw()
    writer.INC_SIZE = 65536
    writer.finish_reservemap()
    _add(writer, "", root)
    tree = writer.as_fdt()
    tree.pack()
    return bytes(tree.as_bytearray())[: tree.totalsize()]


def _add(writer: Any, name: str, node: Node) -> None:
    with writer.add_node(name):
        for key, value in node.items():
            if not isinstance(value, Mapping):
                writer.property(key, value)
        for key, value in node.items():
            if isinstance(value, Mapping):
                _add(writer, key, value)


def reserved(phandle: int, *reg: int, **more: bytes) -> Node:
    """Return a node below /reserved-memory."""
    return {"phandle": cells(phandle), "reg": cells(*reg), **more}


ONE_CELL = {"#address-cells": cells(1), "#size-cells": cells(1)}
TWO_CELLS = {"#address-cells": cells(2), "#size-cells": cells(2)}

#: As arch/arm/boot/dts/st/stm32mp151.dtsi and stm32mp15xx-dkx.dtsi.
STM32MP1: Node = {
    **ONE_CELL,
    "aliases": {"m4": strings("/mlahb/m4@10000000")},
    "__symbols__": {"m4_rproc": strings("/mlahb/m4@10000000")},
    "reserved-memory": {
        **ONE_CELL,
        "ranges": b"",
        "mcuram2@10000000": reserved(1, 0x10000000, 0x40000),
        "vdev0vring0@10040000": reserved(2, 0x10040000, 0x1000),
        "vdev0buffer@10042000": reserved(3, 0x10042000, 0x4000),
        "retram@38000000": reserved(4, 0x38000000, 0x10000),
        "gpu@d4000000": reserved(5, 0xD4000000, 0x4000000),
    },
    "gpu@59000000": {"compatible": strings("vivante,gc"), "memory-region": cells(5)},
    "mlahb": {
        **ONE_CELL,
        "ranges": b"",
        "dma-ranges": cells(
            *(0x00000000, 0x38000000, 0x10000),
            *(0x10000000, 0x10000000, 0x60000),
        ),
        "m4@10000000": {
            "compatible": strings("st,stm32mp1-m4"),
            "reg": cells(0x10000000, 0x40000),
            "memory-region": cells(4, 1, 2, 3),
        },
    },
}

STM32MP1_MAP = (
    Region("retram", 0, 0x38000000, 0x10000),
    Region("mcuram2", 0x10000000, 0x10000000, 0x40000),
    Region("vdev0vring0", 0x10040000, 0x10040000, 0x1000),
    Region("vdev0buffer", 0x10042000, 0x10042000, 0x4000),
)


@pytest.fixture
def blob(tmp_path: Path) -> Any:
    """Return what writes a tree to a file."""

    def write(root: Node) -> Path:
        path = tmp_path / "board.dtb"
        path.write_bytes(compiled(root))
        return path

    return write


@pytest.mark.parametrize(
    "node", [None, "/mlahb/m4@10000000", "m4@10000000", "m4", "m4_rproc"], ids=lambda node: node or "only one"
)
def test_the_regions_of_a_core_come_in_its_order_at_its_addresses(blob: Any, node: str | None) -> None:
    path = blob(STM32MP1)
    assert read_dtb(path, node) == MemoryMap(STM32MP1_MAP, str(path))


def test_names_of_the_core_come_before_those_of_the_nodes(blob: Any) -> None:
    core = {**STM32MP1["mlahb"]["m4@10000000"], "memory-region-names": strings("vectors", "code")}
    tree = {**STM32MP1, "mlahb": {**STM32MP1["mlahb"], "m4@10000000": core}}
    names = [region.name for region in read_dtb(blob(tree)).regions]
    assert names == ["vectors", "code", "vdev0vring0", "vdev0buffer"]


def test_a_tree_without_a_core_gives_all_reserved_memory(blob: Any) -> None:
    tree = {key: value for key, value in STM32MP1.items() if key != "mlahb"}
    found = read_dtb(blob(tree)).regions
    assert [region.name for region in found] == ["mcuram2", "vdev0vring0", "vdev0buffer", "retram", "gpu"]
    assert found[3] == Region("retram", 0x38000000, 0x38000000, 0x10000)


#: As arch/arm64/boot/dts/ti: two clusters, addresses of two cells, memory of the core's own.
K3: Node = {
    **TWO_CELLS,
    "reserved-memory": {
        **TWO_CELLS,
        "ranges": b"",
        "r5f-dma-memory@a0000000": reserved(1, 0, 0xA0000000, 0, 0x100000),
        "r5f-memory@a0100000": reserved(2, 0, 0xA0100000, 0, 0xF00000),
        "high@880000000": reserved(3, 8, 0x80000000, 0, 0x1000),
        "anywhere": {"phandle": cells(4), "size": cells(0, 0x2000)},
        "empty": {"phandle": cells(5)},
    },
    "sram@70000000": {
        **ONE_CELL,
        "reg": cells(0, 0x70000000, 0, 0x200000),
        "ranges": cells(0, 0, 0x70000000, 0x200000),
        "r5f-sram@40000": {"phandle": cells(6), "reg": cells(0x40000, 0x8000)},
    },
    "bus@f4000": {
        **ONE_CELL,
        "ranges": cells(0x78000000, 0, 0x78000000, 0x800000),
        "r5f@78000000": {
            "compatible": strings("ti,am64-r5f"),
            "reg": cells(0x78000000, 0x10000, 0x78100000, 0x10000, 0x79000000, 0x100),
            "reg-names": strings("atcm", "btcm", "control"),
            "ti,loczrama": cells(1),
            "memory-region": cells(1, 2, 3, 4, 5, 1),
            "sram": cells(6),
        },
        "r5f@78200000": {
            "compatible": strings("ti,am64-r5f"),
            "reg": cells(0x78200000, 0x8000, 0x78300000, 0x8000),
            "reg-names": strings("atcm", "btcm"),
            "ti,loczrama": cells(0),
            "memory-region": cells(2),
        },
        "r5f@78400000": {
            "compatible": strings("ti,am64-r5f"),
            "status": strings("disabled"),
            "memory-region": cells(1),
        },
    },
}


def test_tightly_coupled_memory_is_at_both_addresses_of_a_k3_core(blob: Any) -> None:
    path = blob(K3)
    assert read_dtb(path, "r5f@78000000").regions == (
        Region("r5f-dma-memory", 0xA0000000, 0xA0000000, 0x100000),
        Region("r5f-memory", 0xA0100000, 0xA0100000, 0xF00000),
        Region("high", 0x880000000, 0x880000000, 0x1000),
        Region("anywhere", ADDR_ANY, 0, 0x2000),
        Region("atcm", 0x78000000, 0x78000000, 0x10000, "tcm"),
        Region("atcm-core", 0, 0x78000000, 0x10000, "tcm"),
        Region("btcm", 0x78100000, 0x78100000, 0x10000, "tcm"),
        Region("btcm-core", 0x41010000, 0x78100000, 0x10000, "tcm"),
        Region("r5f-sram@40000", 0x70040000, 0x70040000, 0x8000, "tcm"),
    )
    second = read_dtb(path, "r5f@78200000")
    assert [(r.name, r.da) for r in second.regions if r.name.endswith("-core")] == [
        ("atcm-core", 0x41010000),
        ("btcm-core", 0),
    ]


def test_several_cores_have_to_be_told_apart(blob: Any) -> None:
    with pytest.raises(MemoryMapError, match="2 remote cores: say which") as caught:
        read_dtb(blob(K3))
    assert caught.value.hint == "one of /bus@f4000/r5f@78000000, /bus@f4000/r5f@78200000"


#: As arch/arm64/boot/dts/xilinx/zynqmp.dtsi: addresses of the core in reg, physical ones behind ranges.
ZYNQMP: Node = {
    **TWO_CELLS,
    "remoteproc@ffe00000": {
        **TWO_CELLS,
        "compatible": strings("xlnx,zynqmp-r5fss"),
        "ranges": cells(0, 0, 0, 0xFFE00000, 0, 0x10000, 0, 0x20000, 0, 0xFFE20000, 0, 0x10000),
        "r5f@0": {
            "compatible": strings("xlnx,zynqmp-r5f"),
            "reg": cells(0, 0, 0, 0x10000, 0, 0x20000, 0, 0x10000),
            "reg-names": strings("atcm0", "btcm0"),
            "memory-region": cells(1),
        },
    },
    "reserved-memory": {
        **TWO_CELLS,
        "ranges": b"",
        "rproc_0_fw_image@3ed00000": reserved(1, 0, 0x3ED00000, 0, 0x40000),
    },
}


def test_memory_that_the_core_sees_elsewhere_has_both_addresses(blob: Any) -> None:
    assert read_dtb(blob(ZYNQMP)).regions == (
        Region("rproc_0_fw_image", 0x3ED00000, 0x3ED00000, 0x40000),
        Region("atcm0", 0, 0xFFE00000, 0x10000, "tcm"),
        Region("btcm0", 0x20000, 0xFFE20000, 0x10000, "tcm"),
    )


def test_a_carveout_that_does_not_fit_the_boards_memory_is_refused(blob: Any) -> None:
    memory = read_dtb(blob(STM32MP1))
    report = validate(raw_table(raw_carveout(b"vdev0buffer", size=0x8000)), memory_map=memory)
    assert report.verdict.log == "Registered carveout doesn't fit len request"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("/mlahb/m7", 'no node is named "/mlahb/m7"'),
        ("m7", 'no node is named "m7"'),
        ("", 'no node is named ""'),
        ("m4\0", "no node is named"),
        ("ä", "no node is named"),
        ("\udcff", "no node is named"),
    ],
)
def test_a_node_that_is_not_there_is_named(blob: Any, node: str, words: str) -> None:
    with pytest.raises(MemoryMapError, match=words):
        read_dtb(blob(STM32MP1), node)


def test_a_name_of_several_nodes_is_not_enough(blob: Any) -> None:
    with pytest.raises(MemoryMapError, match='3 nodes are named "r5f"') as caught:
        read_dtb(blob(K3), "r5f")
    assert "/bus@f4000/r5f@78400000" in caught.value.hint


@pytest.mark.parametrize(
    ("core", "words"),
    [
        ({"memory-region": cells(77)}, "memory-region 0 refers to no node"),
        ({"memory-region": cells(*[1] * 300), "memory-region-names": strings(*map(str, range(300)))}, "256"),
    ],
)
def test_a_core_that_refers_to_nothing_or_to_too_much_is_named(blob: Any, core: Node, words: str) -> None:
    tree = {**STM32MP1, "mlahb": {**ONE_CELL, "m4": {"compatible": strings("st,stm32mp1-m4"), **core}}}
    with pytest.raises(MemoryMapError, match=words):
        read_dtb(blob(tree))


@pytest.mark.parametrize("count", [0, 3, 0xFFFFFFFF])
def test_addresses_that_no_64_bits_hold_are_refused(blob: Any, count: int) -> None:
    folder = {**STM32MP1["reserved-memory"], "#address-cells": cells(count)}
    with pytest.raises(MemoryMapError, match="cells"):
        read_dtb(blob({**STM32MP1, "reserved-memory": folder}))


def test_a_tree_nested_too_deep_is_refused(blob: Any) -> None:
    tree: Node = {}
    for _ in range(100):
        tree = {"bus": tree}
    with pytest.raises(MemoryMapError, match="nested deeper than 64"):
        read_dtb(blob(tree))


def test_what_is_no_blob_is_named(tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    good = compiled(STM32MP1)
    for data in (b"", b"\xd0\x0d\xfe\xed", b"/dts-v1/;", good[:-1], good[:100], bytes(1000)):
        path.write_bytes(data)
        with pytest.raises(MemoryMapError, match="no device tree blob"):
            read_dtb(path)
    with pytest.raises(UnreadableError, match="No such file"):
        read_dtb(tmp_path / "none.dtb")


def test_without_pylibfdt_the_package_to_install_is_named(blob: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = blob(STM32MP1)
    # None in that place is how Python itself notes a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "libfdt", None)
    with pytest.raises(MemoryMapError, match="pylibfdt") as caught:
        read_dtb(path)
    assert "rprochost[dtb]" in caught.value.hint


BLOBS = [compiled(tree) for tree in (STM32MP1, K3, ZYNQMP)]


@given(
    st.sampled_from(BLOBS),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6),
    st.sampled_from([None, "/", "m4", "r5f@78000000"]),
)
def test_a_damaged_blob_gives_a_map_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, blob: bytes, changes: list[tuple[int, int]], node: str | None
) -> None:
    raw = bytearray(blob)
    for offset, value in changes:
        raw[offset % len(raw)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.dtb"
    path.write_bytes(raw)
    try:
        memory = read_dtb(path, node)
    except MemoryMapError as error:
        assert str(error).startswith(str(path))
        return
    assert all(region.size > 0 for region in memory.regions)
