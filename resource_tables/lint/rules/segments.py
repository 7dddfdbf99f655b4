# SPDX-License-Identifier: Apache-2.0
"""The rules on what is loaded, X05 to X09.

Source: Linux remoteproc_elf_loader.c: rproc_elf_load_segments; remoteproc_core.c: rproc_da_to_va.
"""

from collections.abc import Iterator

from resource_tables.elf_header import Segment
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.elf_fields import segment_spot
from resource_tables.lint.rules.ranges import Range, clashes
from resource_tables.lint.rules.rule import Rule, Severity, Spot

_LOAD = "remoteproc_elf_loader.c: rproc_elf_load_segments"
_DA_TO_VA = "remoteproc_core.c: rproc_da_to_va"

#: TI's PRU has instructions and data at the same addresses; its driver chooses by p_flags.
_EM_TI_PRU = 144
_PF_X = 1
_ADDRESS_END = 1 << 32

#: Segments with their numbers in the program header table.
_Space = tuple[tuple[int, Segment], ...]


def are_known(context: Context) -> bool:
    """Whether there are program headers and all of them lie in the file; X01 and X03 say so if not.

    Thread safety: any thread.
    """
    header = context.header
    if header is None:
        return False
    return 0 < header.phnum * header.program_header_bytes <= header.size - header.phoff


def _above_4_gib(context: Context) -> Iterator[Spot]:
    memory = context.memory
    for index, segment in context.segments:
        if segment.paddr + segment.memsz <= _ADDRESS_END:
            continue
        if memory is not None and memory.containing(segment.paddr, segment.memsz) is not None:
            continue
        message = f"segment {index} [{segment.paddr:#x}, +{segment.memsz:#x}) ends above 2^32"
        if segment.paddr >= _ADDRESS_END:
            message += f": in a carveout, Linux takes its address for {segment.paddr % _ADDRESS_END:#x}"
        yield segment_spot(context, index, "p_paddr", message)


def _ranges(segments: _Space, *, bytes_only: bool) -> Iterator[Range]:
    """Yield where the segments lie, or only the part that has bytes in the file."""
    for index, segment in segments:
        yield Range(
            start=segment.paddr,
            size=min(segment.filesz, segment.memsz) if bytes_only else segment.memsz,
            kind="segment",
            what=f"segment {index}",
            offset=index,
            in_file=True,
        )


def _spaces(context: Context) -> tuple[_Space, _Space]:
    """Return the segments with code and those without, which some cores keep in memories of their own."""
    code = tuple(numbered for numbered in context.segments if numbered[1].flags & _PF_X)
    data = tuple(numbered for numbered in context.segments if not numbered[1].flags & _PF_X)
    return code, data


def _overlapping(context: Context) -> Iterator[Spot]:
    spaces = _spaces(context)
    lost: set[int] = set()
    for space in spaces:
        for upper, lower in clashes(_ranges(space, bytes_only=True)):
            lost.add(upper.offset)
            message = f"{upper.text} and {lower.text} both bring bytes for the same addresses"
            yield segment_spot(context, upper.offset, "p_paddr", message, severity=Severity.ERROR)
    harvard = context.header is not None and context.header.machine == _EM_TI_PRU
    for space in spaces if harvard else (context.segments,):
        for upper, lower in clashes(_ranges(space, bytes_only=False)):
            if upper.offset not in lost:
                message = f"{upper.text} overlaps {lower.text}"
                yield segment_spot(context, upper.offset, "p_paddr", message)


def _under_host_data(context: Context) -> Iterator[Spot]:
    used = [*context.homes.ring_ranges(), *context.homes.buffer_ranges()]
    found: set[int] = set()
    for segment, other in clashes(_ranges(context.segments, bytes_only=True), used):
        found.add(segment.offset)
        message = f"{segment.text} has bytes where {other.text} will be"
        yield segment_spot(context, segment.offset, "p_paddr", message)
    for segment, other in clashes(_ranges(context.segments, bytes_only=False), used):
        if segment.offset not in found:
            message = f"{segment.text} sets the memory of {other.text} aside, or shares it with variables"
            yield segment_spot(context, segment.offset, "p_paddr", message, severity=Severity.INFO)


RULES = (
    Rule(
        id="X05",
        title="segment-bounds",
        severity=Severity.ERROR,
        reason="A segment with more bytes in the file than in memory, or with bytes the file does not have, "
        "is refused after those before it were loaded.",
        source=_LOAD,
        hint="The file is damaged or was cut off: copy or link it again.",
        checks=("segment-sizes", "segment-bounds"),
    ),
    Rule(
        id="X06",
        title="segment-memory",
        severity=Severity.ERROR,
        reason="A segment must lie, all of p_memsz from p_paddr, in one carveout or one piece of the "
        "platform's memory.",
        source=f"{_LOAD}; {_DA_TO_VA}",
        hint="Add a carveout with a fixed da, or link the segment to memory the target has.",
        checks=("segment-memory",),
        needs_map=True,
    ),
    Rule(
        id="X07",
        title="segment-4-gib",
        severity=Severity.WARNING,
        reason="Linux compares a segment with a carveout in a signed 32-bit number: an address above 4 GiB "
        "is taken for one below.",
        source=_DA_TO_VA,
        hint="Link the segment below 4 GiB, or make sure that the platform's driver translates it.",
        function=_above_4_gib,
    ),
    Rule(
        id="X08",
        title="segments-apart",
        severity=Severity.WARNING,
        reason="Linux loads the segments one after the other; of two at one address the later replaces the "
        "earlier.",
        source=_LOAD,
        hint="Look at the load addresses (LMA, AT>) in the linker script.",
        function=_overlapping,
    ),
    Rule(
        id="X09",
        title="segment-over-ring",
        severity=Severity.ERROR,
        reason="The host zeroes the rings after it has loaded and started the image, and messages replace "
        "what lies in the buffers.",
        source="remoteproc_virtio.c: rp_find_vq; drivers/rpmsg/virtio_rpmsg_bus.c: rpmsg_probe",
        hint="Keep code and data out of the memory of rings and buffers in the linker script.",
        function=_under_host_data,
    ),
)
