# SPDX-License-Identifier: Apache-2.0
"""Registered carveouts, and the plan that gives each of them its device address and its place in one memfd.

Physical and device address are one number here, so a fixed address is always honoured or refused, where Linux
without an IOMMU allocates anywhere and hopes.

Source: Linux remoteproc_core.c (rproc_find_carveout_by_name, rproc_check_carveout_da,
rproc_alloc_registered_carveouts).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from resource_tables import ADDR_ANY, check_region
from rproc.config import MemoryConfig
from rproc.errors import CarveoutError
from virtio import PAGE_SIZE
from virtio.memory import page_ceil, page_floor

#: One message hands all pieces over to the core (ecusdk/handover.h: ECU_CTL_REGIONS_MAX).
MAX_PIECES = 64

#: struct rproc_mem_entry has 32 bytes for the name.
_NAME_BYTES = 31

_FREE_ADDRESSES_END = 1 << 32


def significant_name(name: str) -> str:
    """Return what Linux keeps of a carveout's name. Thread safety: any thread."""
    return name.encode("utf-8", "surrogateescape")[:_NAME_BYTES].decode("utf-8", "surrogateescape")


@dataclass(slots=True, kw_only=True)
class Carveout:
    """A registered carveout (Linux: struct rproc_mem_entry); ``da`` is ADDR_ANY until :func:`place` ran.

    ``size`` is what is registered, in bytes, ``need`` what is really used of it. ``entry`` is the table entry
    that gets the result written back. ``shares`` marks a ring, which may lie inside another carveout.
    ``pool`` marks memory that was found as a declared buffer pool, not made for it.
    Thread safety: none; the caller serialises.
    """

    name: str
    da: int
    size: int
    need: int = 0
    align: int = PAGE_SIZE
    entry: int | None = None
    shares: bool = False
    pool: bool = True

    def __post_init__(self) -> None:
        self.name = significant_name(self.name)
        self.need = self.need or self.size

    @property
    def end(self) -> int:
        """First device address behind the bytes that are used."""
        return self.da + self.need

    def contains(self, da: int, size: int) -> bool:
        """Whether [da, da + size) lies inside what is registered."""
        return self.da <= da and da + size <= self.da + self.size


@dataclass(frozen=True, slots=True)
class CarveoutInfo:
    """A carveout of the current boot: device address, bytes, offset in the memory descriptor.

    Thread safety: immutable.
    """

    name: str
    da: int
    size: int
    offset: int


class Registry:
    """The carveouts of one boot in the order of Linux's list: platform, then as the table asks for them.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, config: MemoryConfig) -> None:
        self.carveouts = [Carveout(name=c.name, da=c.da, size=c.size) for c in config.carveouts]

    def find(self, name: str) -> Carveout | None:
        """Return the first carveout of this name."""
        wanted = significant_name(name)
        return next((carveout for carveout in self.carveouts if carveout.name == wanted), None)

    def request_entry(self, entry: int, name: str, da: int, size: int) -> None:
        """Register a carveout of the table, or link it to the registered one of its name.

        Raises CarveoutError or LoaderError, both ENOMEM (Linux: rproc_handle_carveout).
        """
        found = self.find(name)
        if found is None:
            self.carveouts.append(Carveout(name=name, da=da, size=size, entry=entry))
            return
        if found.entry is not None:
            line = "Carveout already associated to resource table"
            raise CarveoutError(line, log=line, rule="carveout-name", hint="Give each carveout its own name.")
        check_region(da, size, found.da, found.size)
        found.entry = entry

    def request_vring(self, name: str, da: int, need: int, align: int) -> Carveout:
        """Return the carveout of a ring of ``need`` bytes, registered now or before.

        Raises LoaderError, ENOMEM, when the registered one does not fit (Linux: rproc_alloc_vring).
        """
        size = page_ceil(need)
        found = self.find(name)
        if found is not None:
            check_region(da, size, found.da, found.size)
            return found
        made = Carveout(name=name, da=da, size=size, need=need, align=max(align, PAGE_SIZE), shares=True)
        self.carveouts.append(made)
        return made

    def request_buffer(self, name: str, size: int) -> None:
        """Register a buffer area of ``size`` bytes unless platform or table have one."""
        if size > 0 and self.find(name) is None:
            self.carveouts.append(Carveout(name=name, da=ADDR_ANY, size=page_ceil(size), pool=False))

    def translate(self, da: int, size: int) -> bool:
        """Whether [da, da + size) lies in one carveout (rproc_da_to_va, without its signed 32-bit sums)."""
        return any(carveout.contains(da, size) for carveout in self.carveouts)


@dataclass(slots=True)
class _Pages:
    """Disjoint page ranges in use, sorted. Ranges that share a page become one."""

    spans: list[tuple[int, int]] = field(default_factory=list)

    def add(self, da: int, end: int) -> None:
        start, end = page_floor(da), page_ceil(end)
        kept = []
        for other in self.spans:
            if other[1] <= start or end <= other[0]:
                kept.append(other)
            else:
                start, end = min(start, other[0]), max(end, other[1])
        self.spans = sorted([*kept, (start, end)])

    @property
    def total(self) -> int:
        """Bytes in use."""
        return sum(end - start for start, end in self.spans)

    def find_free(self, base: int, size: int, align: int) -> int:
        """Return the lowest address from ``base`` up where ``size`` bytes are free."""
        da = -(-base // align) * align
        for start, end in self.spans:
            if da + size <= start:
                break
            if end > da:
                da = -(-end // align) * align
        return da


def place(carveouts: Sequence[Carveout], config: MemoryConfig) -> tuple[tuple[int, int], ...]:
    """Give every carveout its address; return the pieces (da, size in bytes) of the memory to make.

    Fixed addresses stay, the others go upwards from ``config.base`` round them in list order: the same table
    gets the same addresses every time. Raises CarveoutError (ENOMEM) with nothing allocated.
    Thread safety: none; the caller serialises.
    """
    fixed = [carveout for carveout in carveouts if carveout.da != ADDR_ANY]
    _check_overlaps(fixed)
    pages = _Pages()
    for carveout in fixed:
        pages.add(carveout.da, carveout.end)
        _check_budget(pages, carveout, config.limit)
    for carveout in carveouts:
        if carveout.da == ADDR_ANY:
            _place_anywhere(pages, carveout, config)
    if len(pages.spans) > MAX_PIECES:
        raise CarveoutError(
            f"{len(pages.spans)} separate pieces of memory, a core takes {MAX_PIECES}",
            carveout=carveouts[-1].name,
            hint="Put small carveouts next to each other.",
        )
    return tuple((start, end - start) for start, end in pages.spans)


def _place_anywhere(pages: _Pages, carveout: Carveout, config: MemoryConfig) -> None:
    size = page_ceil(carveout.size)
    da = pages.find_free(config.base, size, carveout.align)
    if da + size > _FREE_ADDRESSES_END:
        raise _no_memory(carveout, "no device addresses below 2^32 are left", "Lower memory.base.")
    pages.add(da, da + size)
    _check_budget(pages, carveout, config.limit)
    carveout.da = da


def _check_budget(pages: _Pages, carveout: Carveout, limit: int) -> None:
    if pages.total > limit:
        hint = "Raise memory.limit or shrink the carveouts."
        raise _no_memory(carveout, f"more than memory.limit, {limit} bytes", hint)


def _no_memory(carveout: Carveout, why: str, hint: str) -> CarveoutError:
    return CarveoutError(
        f"carveout {carveout.name} of {carveout.size} bytes: {why}",
        carveout=carveout.name,
        hint=hint,
        rule="memory-limit",
        log=f"failed to allocate dma memory: len {carveout.size:#x}",
    )


def _check_overlaps(fixed: Iterable[Carveout]) -> None:
    """Refuse fixed ranges that overlap, except a ring that lies entirely inside one carveout."""
    ordered = sorted(fixed, key=attrgetter("da"))
    for index, lower in enumerate(ordered):
        for upper in ordered[index + 1 :]:
            if upper.da >= lower.end:
                break
            if not (_nests(lower, upper) or _nests(upper, lower)):
                raise _overlap(lower, upper)


def _nests(outer: Carveout, ring: Carveout) -> bool:
    return ring.shares and not outer.shares and outer.contains(ring.da, ring.need)


def _overlap(lower: Carveout, upper: Carveout) -> CarveoutError:
    hint = "Move one of them, or use da -1 (0xFFFFFFFF) and let the host choose."
    if lower.da == upper.da == 0 and lower.shares:
        hint = "Firmware that means 'any' by da 0 needs memory.zero_is_any = true."
    return CarveoutError(
        f"carveout {lower.name} [{lower.da:#x}, +{lower.need:#x}) overlaps "
        f"carveout {upper.name} [{upper.da:#x}, +{upper.need:#x})",
        carveout=upper.name,
        hint=hint,
        rule="carveout-overlap",
    )
