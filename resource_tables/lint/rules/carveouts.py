# SPDX-License-Identifier: Apache-2.0
"""The rules on carveouts, V25 to V37; those on the names that Linux reserves are in ``reserved_names``.

Source: Linux remoteproc_core.c: rproc_handle_carveout, rproc_check_carveout_da, rproc_alloc_carveout.
"""

from collections.abc import Iterator

from resource_tables.lint.rules.context import Context, Memory
from resource_tables.lint.rules.ranges import RangeIndex, clashes
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.lint.rules.spots import entry_spot
from resource_tables.model import ADDR_ANY
from resource_tables.sizes import PAGE

_HANDLER = "remoteproc_core.c: rproc_handle_carveout"
_ALLOC = "remoteproc_core.c: rproc_alloc_carveout"
_REGION = "remoteproc_core.c: rproc_check_carveout_da"

#: READ, WRITE, CACHE, NOEXEC, MMIO, PRIV (Linux include/linux/iommu.h: IOMMU_READ and so on).
_KNOWN_FLAGS = 0x3F
_ACCESS_FLAGS = 0x03
_TWO_GIB = 1 << 31


def _named(carveout: Memory) -> str:
    return f"carveout {carveout.text!r}"


def _empty_names(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts:
        if not carveout.name:
            yield entry_spot(carveout.entry, "name", "a carveout without a name")


def _percent_names(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts:
        if b"%" in carveout.name:
            yield entry_spot(carveout.entry, "name", f"{_named(carveout)} has a '%' in its name")


def _is_mapped(context: Context, carveout: Memory) -> bool:
    """Whether Linux maps it at its address: there is an IOMMU, and no memory of that name already."""
    unregistered = context.homes.region(carveout.text) is None
    return context.profile.iommu is True and carveout.is_fixed and unregistered


def _unaligned(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts:
        refused = Severity.ERROR if _is_mapped(context, carveout) else None
        if carveout.is_fixed and carveout.da % PAGE:
            message = f"{_named(carveout)} has da {carveout.da:#x}, no multiple of {PAGE:#x}"
            yield entry_spot(carveout.entry, "da", message, severity=refused)
        if carveout.size % PAGE:
            # Whole pages are what everybody gets: a len that says less costs nothing.
            message = f"{_named(carveout)} has len {carveout.size:#x}, no multiple of {PAGE:#x}"
            yield entry_spot(carveout.entry, "len", message, severity=refused or Severity.INFO)


def _overlapping(context: Context) -> Iterator[Spot]:
    # Our own host makes one piece of memory for all carveouts and refuses what it cannot keep apart.
    severity = Severity.ERROR if context.profile.own else Severity.WARNING
    for upper, lower in clashes(context.ranges_of("carveout")):
        yield Spot(
            message=f"{upper.text} overlaps {lower.text}",
            offset=upper.offset,
            entry=upper.entry,
            field="da",
            severity=severity,
        )


def _at_zero(context: Context) -> Iterator[Spot]:
    memory = context.memory
    image = RangeIndex(context.ranges_of("segment", "table"))
    for carveout in context.carveouts:
        # Where the target has memory, or the image loads something, 0 is an address like any other.
        known = memory is not None and memory.containing(0, carveout.size) is not None
        if carveout.da == 0 and not known and image.overlapping(0, carveout.size) is None:
            yield entry_spot(carveout.entry, "da", f"{_named(carveout)} asks for address 0")


def _without_region(context: Context) -> Iterator[Spot]:
    memory = context.memory
    if memory is None or context.profile.iommu:
        return
    for carveout in context.carveouts:
        if not carveout.is_fixed or memory.find(carveout.text) is not None:
            continue
        holder = memory.containing(carveout.da, carveout.size)
        where = "no region holds that range" if holder is None else f"it lies in region {holder.name!r}"
        yield entry_spot(
            carveout.entry,
            "da",
            f"{_named(carveout)} asks for {carveout.da:#x}, but no region of the memory map has its name; "
            f"{where}",
        )


def _huge(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts:
        if carveout.size >= _TWO_GIB and not context.profile.own:
            yield entry_spot(
                carveout.entry, "len", f"{_named(carveout)} has {carveout.size:#x} bytes, 2 GiB or more"
            )


def _flags(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts:
        unknown = carveout.flags & ~_KNOWN_FLAGS
        if unknown:
            message = f"{_named(carveout)} has flags {carveout.flags:#x}: {unknown:#x} means nothing"
            yield entry_spot(carveout.entry, "flags", message)
        elif context.profile.iommu and carveout.da != ADDR_ANY and not carveout.flags & _ACCESS_FLAGS:
            message = f"{_named(carveout)} has flags {carveout.flags:#x}: mapped for neither read nor write"
            yield entry_spot(carveout.entry, "flags", message)


def _physical(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts:
        if carveout.pa != 0:
            yield entry_spot(carveout.entry, "pa", f"{_named(carveout)} has pa {carveout.pa:#x} in the image")


RULES = (
    Rule(
        id="V25",
        title="carveout-name-unique",
        severity=Severity.ERROR,
        reason="Linux compares 31 characters of the name and refuses the second carveout of one name.",
        source=_HANDLER,
        hint="Give each carveout a name of its own.",
        checks=("carveout-name",),
    ),
    Rule(
        id="V26",
        title="carveout-name-empty",
        severity=Severity.WARNING,
        reason="A carveout without a name matches no memory of the platform, and a second one is refused.",
        source=_HANDLER,
        hint="Name the carveout after the memory it is meant to be.",
        function=_empty_names,
    ),
    Rule(
        id="V27",
        title="carveout-name-percent",
        severity=Severity.WARNING,
        reason="Linux hands the name to a function that takes it for a printf format.",
        source="remoteproc_core.c: rproc_find_carveout_by_name, rproc_mem_entry_init",
        hint="Leave '%' out of the name.",
        function=_percent_names,
    ),
    Rule(
        id="V28",
        title="carveout-len-zero",
        severity=Severity.WARNING,
        reason="An empty carveout is no memory: the allocation fails or gives nothing that can be used.",
        source=_ALLOC,
        hint="Set len to the bytes the firmware needs, or drop the entry.",
        checks=("carveout-len",),
    ),
    Rule(
        id="V29",
        title="carveout-page-multiple",
        severity=Severity.WARNING,
        reason="Memory comes in pages: an IOMMU maps nothing else, an allocator gives another address.",
        source=f"{_ALLOC}; drivers/iommu/iommu.c: iommu_map",
        hint=f"Make da and len multiples of {PAGE:#x}.",
        function=_unaligned,
    ),
    Rule(
        id="V30",
        title="carveout-range",
        severity=Severity.WARNING,
        reason="Device addresses have 32 bits, and this carveout ends behind the last one.",
        source=_ALLOC,
        hint="Make da + len at most 2^32, or use -1 (0xFFFFFFFF) and let the host choose.",
        checks=("carveout-range",),
    ),
    Rule(
        id="V31",
        title="carveouts-apart",
        severity=Severity.WARNING,
        reason="Linux allocates each carveout for itself and finds only the first at a shared address.",
        source="remoteproc_core.c: rproc_da_to_va",
        hint="Move one of them, join them, or use -1 (0xFFFFFFFF) and let the host choose.",
        function=_overlapping,
    ),
    Rule(
        id="V32",
        title="carveout-da-zero",
        severity=Severity.WARNING,
        reason="0 is a fixed address like any other, not the way to say 'any'.",
        source=_REGION,
        hint="Use -1 (0xFFFFFFFF) for any address; if 0 is meant, give the target's memory map.",
        function=_at_zero,
    ),
    Rule(
        id="V33",
        title="carveout-region-missing",
        severity=Severity.WARNING,
        reason="Linux finds the platform's memory by name only and otherwise allocates elsewhere, with a "
        "warning.",
        source=_ALLOC,
        hint="Name the carveout like the region that is meant, or use -1 (0xFFFFFFFF) for da.",
        function=_without_region,
        needs_map=True,
    ),
    Rule(
        id="V34",
        title="carveout-region-fit",
        severity=Severity.ERROR,
        reason="A carveout that does not fit the platform's memory of its name ends the boot with ENOMEM.",
        source=_REGION,
        hint="Ask for an address and a length inside the region.",
        checks=("region-len", "region-any", "region-da", "region-end"),
        needs_map=True,
    ),
    Rule(
        id="V35",
        title="carveout-len-2gib",
        severity=Severity.WARNING,
        reason="Linux takes offsets into a carveout as signed 32-bit numbers and never finds the upper part.",
        source="remoteproc_core.c: rproc_da_to_va",
        hint="Split the carveout.",
        function=_huge,
    ),
    Rule(
        id="V36",
        title="carveout-flags",
        severity=Severity.WARNING,
        reason="flags are the IOMMU's protection bits 0 to 5; without READ or WRITE a mapping is of no use.",
        source="include/linux/iommu.h: IOMMU_READ and following",
        hint="Use READ 1, WRITE 2, CACHE 4, NOEXEC 8, MMIO 16, PRIV 32.",
        function=_flags,
    ),
    Rule(
        id="V37",
        title="carveout-pa-preset",
        severity=Severity.INFO,
        reason="The host overwrites pa with what it allocated.",
        source="remoteproc_core.c: rproc_alloc_registered_carveouts",
        hint="Set pa to 0.",
        function=_physical,
    ),
)
