# SPDX-License-Identifier: Apache-2.0
"""A memory map as an SVG document: three columns, addresses growing downwards, holes drawn as holes."""

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from resource_tables.lint.draw import LANES, Block, Drawing
from resource_tables.lint.reports.words import count, one_line, rough_size, size_text

#: Pixels.
_TOP, _LEFT, _MARGIN, _GUTTER, _TRACK, _LANE, _LINE = 64, 150, 20, 24, 128, 200, 18
_LOW, _HIGH, _HOLE = 22, 76, 28
#: The least width of a drawing, for its title and the notes below it.
_WIDTH = 560
#: Width of a character of a label and of the title.
_CHARACTER, _TITLE_CHARACTER = 6.7, 8.7

_FILL = {
    "ram": "#dbe9f6",
    "reserved": "#d5ecd4",
    "tcm": "#fde7c4",
    "rom": "#e6dff1",
    "device": "#ececec",
    "segment": "#a9cfe8",
    "table": "#f6c177",
    "carveout": "#a8dba8",
    "devmem": "#d4d4d4",
    "trace": "#fff0a3",
    "vring": "#f3b8ab",
    "buffers": "#f7d9cf",
}
_STYLE = (
    "text{font:11px ui-monospace,Consolas,'DejaVu Sans Mono',monospace;fill:#1c1c1c}"
    ".head{font-weight:bold}.title{font-size:14px;font-weight:bold}.dim{fill:#6a6a6a}"
    ".line{stroke:#d4d4d4}"
    "rect.block{stroke:#5a5a5a}rect.bad{stroke:#c1121f;stroke-width:3}"
)


@dataclass(frozen=True, slots=True)
class _Lane:
    """A column: where it begins, how wide it is, and its blocks, each with the track it is drawn in."""

    name: str
    x: int
    width: int
    tracks: int
    blocks: tuple[tuple[Block, int], ...]


def render_svg(drawing: Drawing, title: str) -> str:
    """Return the document; ``title`` is any text. Thread safety: any thread."""
    lanes = _lanes(drawing.placed)
    rows = list(_rows(drawing.placed))
    places = _places(rows)
    width = max([_WIDTH, *(lane.x + lane.width + _MARGIN for lane in lanes)])
    bottom = max(places.values(), default=_TOP)
    notes = list(_notes(drawing))
    height = bottom + 2 * _MARGIN + _LINE * len(notes)
    shown = one_line(title)
    room = int((width - 2 * _MARGIN) / _TITLE_CHARACTER)
    # Of a path that is too long the end is what tells it from others.
    headline = shown if len(shown) <= room else "…" + shown[1 - room :]
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{_text(shown)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text class="title" x="{_MARGIN}" y="24">{_text(headline)}</text>',
        f'<text class="dim" x="{_MARGIN}" y="{_TOP - 14}">device address</text>',
        *(f'<text class="head" x="{lane.x}" y="{_TOP - 14}">{lane.name}</text>' for lane in lanes),
    ]
    body += _scale(rows, places, width - _MARGIN)
    for lane in lanes:
        body += (line for block, track in lane.blocks for line in _block(block, lane, track, places))
    for number, note in enumerate(notes, 1):
        body.append(f'<text x="{_MARGIN}" y="{bottom + _MARGIN + _LINE * number}">{_text(note)}</text>')
    return "\n".join([*body, "</svg>", ""])


def _text(text: str) -> str:
    return html.escape(one_line(text))


def _lanes(blocks: Sequence[Block]) -> list[_Lane]:
    """Return the columns that have something in them."""
    lanes: list[_Lane] = []
    x = _LEFT
    for index, name in enumerate(LANES):
        tracked = tuple(_tracks(block for block in blocks if block.lane == index))
        if tracked:
            tracks = max(track for _, track in tracked) + 1
            width = max(_LANE, tracks * _TRACK)
            lanes.append(_Lane(name, x, width, tracks, tracked))
            x += width + _GUTTER
    return lanes


def _tracks(blocks: Iterable[Block]) -> Iterator[tuple[Block, int]]:
    """Yield each block with the first track that is free at its address: what overlaps lies side by side."""
    ends: list[int] = []
    for block in blocks:
        track = next((i for i, end in enumerate(ends) if end <= block.at), len(ends))
        ends[track : track + 1] = [block.end]
        yield block, track


def _rows(blocks: Sequence[Block]) -> Iterator[tuple[int, int, bool]]:
    """Yield address, size and whether it is a hole, for each row between two edges of ranges, in order."""
    reach: dict[int, int] = {}
    for block in blocks:
        reach[block.at] = max(reach.get(block.at, 0), block.end)
    edges = sorted(reach.keys() | {block.end for block in blocks})
    reached = 0
    for edge, following in pairwise(edges):
        reached = max(reached, reach.get(edge, 0))
        yield edge, following - edge, reached <= edge


def _places(rows: Sequence[tuple[int, int, bool]]) -> dict[int, int]:
    """Return the y of every address at which a range begins or ends."""
    places, y = {}, _TOP
    for edge, size, is_hole in rows:
        places[edge] = y
        y += _HOLE if is_hole else _height(size)
        places[edge + size] = y
    return places


def _height(size: int) -> int:
    """A row of 64 bytes or less is as high as its text, every doubling adds a little."""
    return min(max(_LOW, _LOW + 3 * int(math.log2(size) - 6)), _HIGH)


def _scale(rows: Sequence[tuple[int, int, bool]], places: dict[int, int], right: int) -> Iterator[str]:
    for edge, size, is_hole in rows:
        if is_hole:
            y, width = places[edge], right - _LEFT
            yield f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{_HOLE}" fill="#f4f4f4"/>'
            yield f'<text class="dim" x="{_LEFT + 6}" y="{y + 18}">nothing: {rough_size(size)}</text>'
    for address, y in places.items():
        yield f'<line class="line" x1="{_MARGIN}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield f'<text class="dim" x="{_MARGIN}" y="{y + 12}">{address:#010x}</text>'


def _block(block: Block, lane: _Lane, track: int, places: dict[int, int]) -> Iterator[str]:
    width = lane.width // lane.tracks
    x, y, height = lane.x + track * width, places[block.at], places[block.end] - places[block.at]
    room = int((width - 12) / _CHARACTER)
    size = size_text(block.size)
    lines = _lines(block.label, f"{size} {block.kind}" if block.lane == 0 else size, height, room)
    said = f"{block.label}, {size}, {block.at:#x}..{block.end - 1:#x}"
    yield f"<g><title>{_text(said + (', error' if block.bad else ''))}</title>"
    kind = "block bad" if block.bad else "block"
    yield (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width - 4}" height="{height}" rx="3" '
        f'fill="{_FILL[block.kind]}"/>'
    )
    for number, line in enumerate(lines):
        yield f'<text x="{x + 6}" y="{y + 14 * (number + 1)}">{_text(line)}</text>'
    yield "</g>"


def _lines(label: str, size: str, height: int, room: int) -> list[str]:
    """Return what there is room for: label and size below each other, else side by side, else the label."""
    if height < 34 and len(label) + 2 + len(size) <= room:
        return [f"{label}  {size}"]
    shown = label if len(label) <= room else label[: room - 1] + "…"
    return [shown, size] if height >= 34 else [shown]


def _notes(drawing: Drawing) -> Iterator[str]:
    for block in drawing.loose:
        place = "any address" if block.start is None else f"{block.at:#x}"
        yield f"at {place}: {block.label}, {size_text(block.size)}"
    if drawing.omitted:
        yield f"{count(drawing.omitted, 'more range')} not drawn"
