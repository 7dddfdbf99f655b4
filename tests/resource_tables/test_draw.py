# SPDX-License-Identifier: Apache-2.0
"""The memory map as text and as SVG: every range is there, in its place, and no two lie on each other."""

import re
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ADDR_ANY,
    Carveout,
    MemoryMap,
    Region,
    ResourceTable,
    SegmentSpec,
    Trace,
    Unknown,
    Vdev,
    Vring,
    elf_image,
    validate,
)
from resource_tables.lint.draw import LANES, MAX_BLOCKS, Block, Drawing, draw, render_text
from resource_tables.lint.reports.svg import render_svg

SVG = "{http://www.w3.org/2000/svg}"

BLOCKS = st.builds(
    Block,
    lane=st.integers(0, len(LANES) - 1),
    start=st.integers(0, 200) | st.integers(0, 1 << 64),
    size=st.integers(1, 100) | st.integers(1, 1 << 40),
    kind=st.sampled_from(["ram", "segment", "table", "carveout", "vring", "buffers"]),
    label=st.text(max_size=20) | st.sampled_from(["\x1b[2J", "</text>&\n", "\udcff" * 50]),
    bad=st.booleans(),
)


@st.composite
def drawings(draw_: st.DrawFn) -> Drawing:
    """A drawing of any ranges."""
    placed = draw_(st.lists(BLOCKS, max_size=12))
    return Drawing(
        placed=tuple(sorted(placed, key=lambda block: (block.at, -block.end, block.lane))),
        loose=tuple(draw_(st.lists(BLOCKS, max_size=2))),
        omitted=draw_(st.integers(0, 2)),
    )


def _rects(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    found = [one.attrib for one in root.iter(f"{SVG}rect") if "block" in one.get("class", "")]
    return [(float(a["x"]), float(a["y"]), float(a["width"]), float(a["height"])) for a in found]


@given(drawings(), st.text(max_size=20))
def test_svg_draws_every_range_once_and_no_two_on_each_other(drawing: Drawing, title: str) -> None:
    root = ElementTree.fromstring(render_svg(drawing, title))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    rects = _rects(root)
    assert len(rects) == len(drawing.placed)
    for x, y, wide, high in rects:
        assert x >= 0 and y >= 0 and wide > 0 and high > 0
        assert x + wide <= width and y + high <= height
    for (x, y, wide, high), (x2, y2, wide2, high2) in combinations(rects, 2):
        assert x + wide <= x2 or x2 + wide2 <= x or y + high <= y2 or y2 + high2 <= y
    assert len([one for one in root.iter(f"{SVG}rect") if "bad" in one.get("class", "").split()]) == sum(
        block.bad for block in drawing.placed
    )


@given(drawings())
def test_svg_is_in_the_order_of_the_addresses(drawing: Drawing) -> None:
    root = ElementTree.fromstring(render_svg(drawing, ""))
    labels = [one for one in root.iter(f"{SVG}text") if re.fullmatch("0x[0-9a-f]+", one.text or "")]
    scale = {int(one.text or "", 16): float(one.attrib["y"]) for one in labels if one.attrib["x"] == "20"}
    edges = sorted({edge for block in drawing.placed for edge in (block.at, block.end)})
    assert sorted(scale) == edges
    heights = [scale[edge] for edge in edges]
    assert heights == sorted(heights) and len(set(heights)) == len(heights)


@given(drawings())
def test_text_has_a_line_for_every_range_with_its_first_and_last_byte(drawing: Drawing) -> None:
    lines = render_text(drawing).split("\n")
    assert all(line.isprintable() for line in lines)
    shown = [re.match(r"0x([0-9a-f]+)\.\.0x([0-9a-f]+) ", line) for line in lines]
    ends = [(int(one[1], 16), int(one[2], 16)) for one in shown if one is not None]
    assert ends == [(block.at, block.end - 1) for block in drawing.placed]


TABLE = ResourceTable(
    (
        Carveout(name="vdev0buffer", da=0x10048000, size=0x4000),
        Carveout(name="\x1b[31mred", da=ADDR_ANY, size=0x100),
        Vdev(id=7, vrings=(Vring(num=16, align=16, da=0x10040000), Vring(num=16, align=16))),
        Trace(name="log", da=0x10001000, size=0x800),
    )
)
SEGMENTS = (
    SegmentSpec(paddr=0x10000000, data=bytes(0x100), memsz=0x2000),
    SegmentSpec(paddr=0x10001800, data=bytes(0x100), memsz=0x1000),
)
IMAGE = elf_image(TABLE, elf_class=32, table_addr=0x10000800, segments=SEGMENTS)
MEMORY = MemoryMap((Region("sram", 0x10000000, 0x10000000, 0x40000, "ram"), Region("pool", ADDR_ANY, 0, 64)))


def _drawn(image: bytes, memory: MemoryMap | None = None) -> Drawing:
    report = validate(image, profile="linux-6.12", memory_map=memory)
    assert report.context is not None
    return draw(report.context, report.findings)


def test_a_range_is_drawn_inside_the_one_that_holds_it() -> None:
    lines = render_text(_drawn(IMAGE, MEMORY)).splitlines()
    size = next(f"{block.size} B" for block in _drawn(IMAGE).placed if block.kind == "table")
    assert [line.split("  ", 1)[1].strip() for line in lines] == [
        "256 KiB  sram  (ram)",
        "8 KiB  |  segment 1 r-x",
        f"{size}  |  |  segment 0 rw-",
        f"{size}  |  |  |  resource table  (table)",
        "2 KiB  |  |  trace log",
        "4 KiB  |  |  segment 2 r-x  crosses the end of segment 1 r-x",
        "438 B  vdev0vring0  (vring)",
        "31.6 KiB  ..",
        "16 KiB  carveout vdev0buffer",
        "16 KiB  |  buffers of vdev0",
        "64 B  pool  (reserved)",
        r"256 B  carveout \x1b[31mred",
        "438 B  vdev0vring1  (vring)",
    ]


def test_of_ranges_that_cross_each_one_ends_where_it_ends() -> None:
    rom, ram = Region("rom", 0, 0, 0x2000, "rom"), Region("ram", 0x1000, 0x1000, 0x10000, "ram")
    memory = MemoryMap((rom, ram, Region("tcm", 0x4000, 0x4000, 0x100, "tcm")))
    lines = render_text(_drawn(b"no image at all", memory)).splitlines()
    assert [line.split("KiB")[-1].split(" B ")[-1].strip() for line in lines] == [
        "rom",
        "|  ram  crosses the end of rom",
        "|  tcm",
    ]


def test_a_range_that_a_finding_calls_an_error_is_marked() -> None:
    bad = Vdev(id=7, vrings=(Vring(num=3, align=16, da=0x1000), Vring(num=16, align=16, da=0x2000)))
    blocks = {block.label: block for block in _drawn(elf_image(ResourceTable((bad,)))).placed}
    assert (blocks["vdev0vring0"].bad, blocks["vdev0vring1"].bad) == (True, False)
    assert "vdev0vring0  (vring)  <- error" in render_text(_drawn(elf_image(ResourceTable((bad,)))))


def test_what_has_no_addresses_is_an_empty_drawing() -> None:
    drawing = _drawn(b"no image at all")
    assert render_text(drawing) == ""
    assert _rects(ElementTree.fromstring(render_svg(drawing, "nothing"))) == []


def test_more_ranges_than_anybody_reads_are_counted() -> None:
    many = tuple(Carveout(name=f"c{i}", da=0x1000 * i, size=0x1000) for i in range(MAX_BLOCKS + 10))
    drawing = _drawn(elf_image(ResourceTable((*many, Unknown(type=200, body=b"1234")))))
    assert len(drawing.placed) == MAX_BLOCKS
    # The table and its segment are ranges as well.
    assert render_text(drawing).splitlines()[-1] == "12 more ranges not drawn"
    assert "12 more ranges not drawn" in render_svg(drawing, "")
