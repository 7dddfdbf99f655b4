# SPDX-License-Identifier: Apache-2.0
"""The device addresses of an image: what the target has, what the image loads, what the table asks for.

Here as text for a terminal; ``resource_tables.lint.reports.svg`` draws the same for a document. Neither is to
scale: beside 4 GiB of nothing, a ring of 1 KiB would not be seen.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from resource_tables.lint.finding import Finding
from resource_tables.lint.reports.words import count, one_line, rough_size, size_text
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.rule import Severity

LANES = ("target", "image", "table")

#: More ranges than this are counted, not drawn: nobody reads them.
MAX_BLOCKS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A range of device addresses; ``start`` None leaves the place to the host, ``size`` is in bytes.

    ``lane`` is an index of LANES, ``kind`` what it is, ``bad`` whether a finding calls it an error.
    Thread safety: immutable.
    """

    lane: int
    start: int | None
    size: int
    kind: str
    label: str
    bad: bool = False

    @property
    def at(self) -> int:
        """The address of the first byte; 0 where the host chooses."""
        return self.start or 0

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.at + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """``placed`` by address, the larger first; ``loose`` has no place to be drawn at; ``omitted`` is a count.

    Thread safety: immutable.
    """

    placed: tuple[Block, ...]
    loose: tuple[Block, ...]
    omitted: int


def draw(context: Context, findings: Iterable[Finding] = ()) -> Drawing:
    """Gather what there is to draw; ranges that ``findings`` call an error are marked.

    Thread safety: any thread.
    """
    errors = [found for found in findings if found.severity is Severity.ERROR]
    blocks = [*_target_blocks(context), *_image_blocks(context, errors), *_table_blocks(context, errors)]
    omitted = max(len(blocks) - MAX_BLOCKS, 0)
    blocks = blocks[:MAX_BLOCKS]
    placed = [block for block in blocks if block.start is not None and block.size > 0]
    return Drawing(
        placed=tuple(sorted(placed, key=lambda block: (block.at, -block.end, block.lane))),
        loose=tuple(block for block in blocks if block.start is None or block.size == 0),
        omitted=omitted,
    )


def _target_blocks(context: Context) -> Iterator[Block]:
    for region in context.memory.regions if context.memory is not None else ():
        yield Block(
            lane=0,
            start=region.da if region.is_fixed else None,
            size=region.size,
            kind=region.kind,
            label=region.name,
        )


def _image_blocks(context: Context, errors: Sequence[Finding]) -> Iterator[Block]:
    for index, segment in context.segments:
        at = context.segment_offset(index)
        flags = "".join(c if segment.flags & bit else "-" for c, bit in (("r", 4), ("w", 2), ("x", 1)))
        yield Block(
            lane=1,
            start=segment.paddr,
            size=segment.memsz,
            kind="segment",
            label=f"segment {index} {flags}",
            bad=any(found.offset == at for found in errors),
        )
    for table in context.ranges_of("table"):
        yield Block(lane=1, start=table.start, size=table.size, kind="table", label="resource table")


def _table_blocks(context: Context, errors: Sequence[Finding]) -> Iterator[Block]:
    wrong = {found.entry for found in errors if found.entry is not None}
    for kind, entries in (
        ("carveout", context.carveouts),
        ("devmem", context.devmems),
        ("trace", context.traces),
    ):
        for memory in entries:
            name = memory.text or f"entry {memory.entry.index}"
            yield Block(
                lane=2,
                start=memory.da if memory.is_fixed else None,
                size=memory.size,
                kind=kind,
                label=f"{kind} {name}",
                bad=memory.entry.index in wrong,
            )
    yield from _ring_blocks(context, errors, wrong)


def _ring_blocks(context: Context, errors: Sequence[Finding], wrong: Collection[int]) -> Iterator[Block]:
    places = {found.name: found.start for found in context.homes.ring_ranges()}
    for ring in context.vrings:
        if ring.is_usable:
            yield Block(
                lane=2,
                start=places.get(ring.name),
                size=ring.size,
                kind="vring",
                label=ring.name,
                # The entry of a ring has two of them: a finding is about the one whose 20 bytes it points at.
                bad=any(_is_in(found, context.table_at + ring.offset) for found in errors),
            )
    for pool in context.homes.buffer_ranges():
        yield Block(
            lane=2,
            start=pool.start,
            size=pool.size,
            kind="buffers",
            label=f"buffers of {pool.name.removesuffix('buffer')}",
            bad=pool.entry in wrong,
        )


def _is_in(found: Finding, start: int) -> bool:
    return found.offset is not None and start <= found.offset < start + 20


def render_text(drawing: Drawing) -> str:
    """Return a line for each range, drawn inside the one that holds it; empty when there is nothing to draw.

    Thread safety: any thread.
    """
    return "".join(line + "\n" for line in _text_lines(drawing))


def _text_lines(drawing: Drawing) -> Iterator[str]:
    width = 10 if all(block.end <= 1 << 32 for block in drawing.placed) else 18
    # The ranges that hold what comes next, the innermost last.
    holders: list[Block] = []
    reached: int | None = None
    for block in drawing.placed:
        # Not only the last ones: where ranges cross, an outer one may end first.
        holders = [holder for holder in holders if holder.end > block.at]
        if reached is not None and block.at > reached:
            yield f"{'':{2 * width + 2}}  {rough_size(block.at - reached):>11}  .."
        reached = max(block.end, reached or 0)
        place = f"{block.at:#0{width}x}..{block.end - 1:#0{width}x}"
        yield _text_line(place, block, "|  " * len(holders), _crosses(block, holders))
        holders.append(block)
    for block in drawing.loose:
        place = "any address" if block.start is None else f"{block.at:#0{width}x}"
        yield _text_line(f"{place:{2 * width + 2}}", block, "", "")
    if drawing.omitted:
        yield f"{count(drawing.omitted, 'more range')} not drawn"


def _text_line(place: str, block: Block, guides: str, remark: str) -> str:
    kind = "" if block.label.startswith(block.kind) else f"  ({block.kind})"
    error = "  <- error" if block.bad else ""
    return f"{place}  {size_text(block.size):>11}  {guides}{one_line(block.label)}{kind}{remark}{error}"


def _crosses(block: Block, holders: Sequence[Block]) -> str:
    crossed = next((holder for holder in holders if holder.end < block.end), None)
    return "" if crossed is None else f"  crosses the end of {one_line(crossed.label)}"
