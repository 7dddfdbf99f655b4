# SPDX-License-Identifier: Apache-2.0
"""The rules on devmem entries and trace buffers, V42 to V48.

Source: Linux remoteproc_core.c: rproc_handle_devmem, rproc_handle_trace; drivers/iommu/iommu.c: iommu_map;
remoteproc_debugfs.c: rproc_trace_read.
"""

from collections.abc import Iterator

from resource_tables.lint.rules.context import Context, Memory
from resource_tables.lint.rules.ranges import Range, RangeIndex, clashes
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.lint.rules.spots import entry_spot
from resource_tables.model import ADDR_ANY
from resource_tables.sizes import PAGE

_DEVMEM = "remoteproc_core.c: rproc_handle_devmem"
_TRACE_READ = "remoteproc_core.c: rproc_handle_trace; remoteproc_debugfs.c: rproc_trace_read"
_IOMMU_MAP = "drivers/iommu/iommu.c: iommu_map"

#: A log of more than that is read in one go whenever somebody looks.
_TRACE_BYTES_MAX = 1 << 20
_ADDRESS_END = 1 << 32


def _needs_iommu(context: Context) -> Iterator[Spot]:
    if context.profile.iommu is not None or not context.devmems:
        return
    first, num = context.devmems[0].entry, len(context.devmems)
    what = "a devmem entry" if num == 1 else f"the first of {num} devmem entries"
    message = f"{what}: without an IOMMU the boot ends with EINVAL and no line in the log"
    yield Spot(message=message, offset=first.offset, entry=first.index)


def _unmappable(context: Context) -> Iterator[Spot]:
    refused = Severity.ERROR if context.profile.iommu else Severity.WARNING
    for devmem in context.devmems:
        for field, value in (("da", devmem.da), ("pa", devmem.pa), ("len", devmem.size)):
            message = f"devmem {devmem.text!r} has {field} {value:#x}"
            if field == "da" and value == ADDR_ANY:
                message += ": nobody chooses the address of a devmem"
                yield entry_spot(devmem.entry, field, message, severity=refused)
            elif value % PAGE:
                message += f", no multiple of {PAGE:#x}"
                yield entry_spot(devmem.entry, field, message, severity=refused)
            elif value == 0:
                # Nothing is mapped for len 0; an address 0 there is on some chips.
                severity = Severity.WARNING if field == "len" else Severity.INFO
                yield entry_spot(devmem.entry, field, message, severity=severity)


def _mapped_twice(context: Context) -> Iterator[Spot]:
    devmems = context.ranges_of("devmem")
    for pairs in (clashes(devmems), clashes(devmems, context.ranges_of("carveout"))):
        for devmem, other in pairs:
            yield Spot(
                message=f"{devmem.text} overlaps {other.text}",
                offset=devmem.offset,
                entry=devmem.entry,
                field="da",
            )


def _physical(memory: Memory) -> Range:
    return Range(
        start=memory.pa,
        size=memory.size,
        kind="devmem",
        what=f"devmem {memory.text!r}",
        offset=memory.entry.offset + 8,
        entry=memory.entry.index,
    )


def _over_ram(context: Context) -> Iterator[Spot]:
    if context.memory is None:
        return
    found: dict[bool, list[Range]] = {True: [], False: []}
    for region in context.memory.regions:
        what = f"region {region.name!r}"
        found[region.kind == "ram"].append(
            Range(start=region.pa, size=region.size, kind="region", what=what, offset=0)
        )
    # What is set aside for the core usually lies within a region that is all of the RAM.
    set_aside = RangeIndex(found[False])
    for devmem, ram in clashes(map(_physical, context.devmems), found[True]):
        if set_aside.containing(devmem.start, devmem.end) is None:
            message = f"{devmem.what} gives the core [{devmem.start:#x}, +{devmem.size:#x}) of {ram.what}"
            yield Spot(message=message, offset=devmem.offset, entry=devmem.entry, field="pa")


def _unreadable(context: Context) -> Iterator[Spot]:
    for trace in context.traces:
        if trace.size == 0:
            yield entry_spot(trace.entry, "len", f"trace {trace.text!r} has no bytes")
        elif trace.size > _TRACE_BYTES_MAX:
            yield entry_spot(trace.entry, "len", f"trace {trace.text!r} has {trace.size:#x} bytes")
        if trace.da == ADDR_ANY:
            message = f"trace {trace.text!r} has no address, and nobody chooses one for it"
            yield entry_spot(trace.entry, "da", message)
        elif trace.da + trace.size > _ADDRESS_END:
            yield entry_spot(trace.entry, "da", f"trace {trace.text!r} ends above 2^32")


def _out_of_sight(context: Context) -> Iterator[Spot]:
    memory = context.memory
    if memory is None:
        return
    carveouts = RangeIndex(context.ranges_of("carveout"))
    for trace in context.ranges_of("trace"):
        held = carveouts.containing(trace.start, trace.end) or memory.containing(trace.start, trace.size)
        if trace.size > 0 and held is None:
            yield Spot(
                message=f"{trace.text} lies in no carveout and in no region of the memory map",
                offset=trace.offset,
                entry=trace.entry,
                field="da",
            )


def _over_host_data(context: Context) -> Iterator[Spot]:
    homes = context.homes
    others = (*homes.ring_ranges(), *homes.buffer_ranges(), *context.ranges_of("table"))
    # A trace at 0 is one that nobody gave an address.
    traces = (trace for trace in context.ranges_of("trace") if trace.start != 0)
    for trace, other in clashes(traces, others):
        yield Spot(
            message=f"{trace.text} overlaps {other.text}", offset=trace.offset, entry=trace.entry, field="da"
        )


RULES = (
    Rule(
        id="V42",
        title="devmem-iommu",
        severity=Severity.INFO,
        reason="A devmem entry is a request to an IOMMU; a host without one refuses the image and says "
        "nothing.",
        source=_DEVMEM,
        hint="Make sure that the target has an IOMMU, or drop the entry.",
        checks=("devmem-iommu",),
        function=_needs_iommu,
    ),
    Rule(
        id="V43",
        title="devmem-page-multiple",
        severity=Severity.WARNING,
        reason="An IOMMU maps whole pages only, and an empty range not at all.",
        source=_IOMMU_MAP,
        hint=f"Make da, pa and len multiples of {PAGE:#x}, and len not 0.",
        function=_unmappable,
    ),
    Rule(
        id="V44",
        title="devmems-apart",
        severity=Severity.WARNING,
        reason="A device address that is mapped twice is refused by some IOMMUs and replaced by others.",
        source=_IOMMU_MAP,
        hint="Move one of them, or join them.",
        function=_mapped_twice,
    ),
    Rule(
        id="V45",
        title="devmem-not-ram",
        severity=Severity.WARNING,
        reason="devmem is for peripherals; RAM that Linux uses itself must not be given to a core.",
        source="include/linux/remoteproc.h: struct fw_rsc_devmem",
        hint="Ask for memory with a carveout, or reserve the range in the device tree.",
        function=_over_ram,
        needs_map=True,
    ),
    Rule(
        id="V46",
        title="trace-readable",
        severity=Severity.WARNING,
        reason="A trace buffer needs a place and a sensible size: a reader looks for a NUL in all of it.",
        source=_TRACE_READ,
        hint="Give the entry the address and the size of the log buffer, 1 MiB at most.",
        function=_unreadable,
    ),
    Rule(
        id="V47",
        title="trace-in-memory",
        severity=Severity.WARNING,
        reason='A trace outside the memory that the host has for the core reads "Trace  not available".',
        source=_TRACE_READ,
        hint="Put the log buffer into a carveout or a region, or correct da and len.",
        function=_out_of_sight,
        needs_map=True,
    ),
    Rule(
        id="V48",
        title="trace-apart",
        severity=Severity.ERROR,
        reason="A core that logs into rings, buffers or the table destroys them.",
        source="virtio 1.2, 2.7; remoteproc_core.c: rproc_handle_trace",
        hint="Give the log buffer a place of its own.",
        function=_over_host_data,
    ),
)
