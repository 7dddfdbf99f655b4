# SPDX-License-Identifier: Apache-2.0
"""Where the host will put rings and buffers, as far as table and memory map can tell.

Linux looks for a registered carveout by name: those of the platform first (the memory map), then those the
table has registered *so far*. A ring that finds one lies at its start, whatever da its descriptor asks for;
one that finds none gets memory of its own at the da of its descriptor.

An address that the host is free to choose is no place; neither is a ring's da 0, which nobody has ever meant.

Source: Linux remoteproc_core.c: rproc_alloc_vring, rproc_find_carveout_by_name; remoteproc_virtio.c:
rproc_add_virtio_dev, rp_find_vq.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resource_tables.checks import check_region
from resource_tables.errors import LoaderError
from resource_tables.lint.rules.ranges import Range
from resource_tables.model import ADDR_ANY
from resource_tables.sizes import buffers_bytes, page_round

if TYPE_CHECKING:
    from resource_tables.lint.rules.context import Context, Memory, VdevItem, VringItem

#: The virtio id of rpmsg, the one device whose buffers have a pool.
ID_RPMSG = 7


@dataclass(frozen=True, slots=True)
class Home:
    """A registered carveout that a ring or buffers are put into; addresses and sizes in bytes.

    ``carveout`` is the entry of the table, None for a region of the memory map. Thread safety: immutable.
    """

    da: int
    size: int
    what: str
    carveout: "Memory | None" = None


def misfit(da: int, size: int, home_da: int, home_size: int) -> LoaderError | None:
    """Return why Linux does not put (da, size) into a registered carveout, or None.

    Source: Linux remoteproc_core.c: rproc_check_carveout_da. Thread safety: any thread.
    """
    try:
        check_region(da, size, home_da, home_size)
    except LoaderError as error:
        return error
    return None


class Homes:
    """The registered carveouts of one context by their names.

    Thread safety: immutable.
    """

    def __init__(self, context: "Context") -> None:
        self._context = context
        #: OpenAMP's host takes the addresses from the descriptors and looks no names up.
        self.by_name = context.profile.loader != "openamp"
        self._carveouts = {carveout.name: carveout for carveout in reversed(context.carveouts)}

    def region(self, name: str) -> Home | None:
        """Return the platform's carveout of that name."""
        memory = self._context.memory
        found = memory.find(name) if memory is not None and self.by_name else None
        return None if found is None else Home(found.da, found.size, f"region {name!r} of the memory map")

    def _carveout(self, name: str) -> "Memory | None":
        return self._carveouts.get(name.encode()) if self.by_name else None

    def of_ring(self, ring: "VringItem") -> Home | None:
        """Return what a ring finds under its name when its vdev is handled."""
        carveout = self._carveout(ring.name)
        home = self.region(ring.name)
        if home is not None or carveout is None or carveout.entry.index > ring.entry.index:
            return home
        return _home(carveout)

    def of_buffers(self, vdev: "VdevItem") -> Home | None:
        """Return the pool of a vdev's buffers; it is looked up after the whole table was handled."""
        carveout = self._carveout(vdev.buffer_name)
        home = self.region(vdev.buffer_name)
        return _home(carveout) if home is None and carveout is not None else home

    def wanted(self, ring: "VringItem") -> int:
        """Return the address that a ring's descriptor asks the loader for."""
        return ADDR_ANY if self._context.is_any(ring.da) else ring.da

    def ring_ranges(self) -> Iterator[Range]:
        """Yield the rings whose place is known, with the bytes that the host zeroes."""
        for ring in self._context.vrings:
            da = self.ring_da(ring) if ring.is_usable else None
            if da is not None:
                yield Range(
                    start=da,
                    size=ring.size,
                    kind="vring",
                    what=f"vring {ring.index} of vdev {ring.vdev}",
                    offset=ring.offset,
                    entry=ring.entry.index,
                    name=ring.name,
                )

    def ring_da(self, ring: "VringItem") -> int | None:
        """Return where a ring will lie, or None where that is not known or the ring is refused."""
        home = self.of_ring(ring)
        if home is None:
            return ring.da if ring.da not in (0, ADDR_ANY) else None
        if misfit(self.wanted(ring), page_round(ring.size), home.da, home.size) is not None:
            return None
        return _place(home)

    def buffer_ranges(self) -> Iterator[Range]:
        """Yield the buffers whose place is known: the bytes from the start of their pool that are used."""
        for vdev in self._context.vdevs:
            home = self.of_buffers(vdev)
            da = None if home is None else _place(home)
            if home is None or da is None or vdev.id != ID_RPMSG or not vdev.vrings:
                continue
            entry = vdev.entry if home.carveout is None else home.carveout.entry
            yield Range(
                start=da,
                size=min(buffers_bytes(vdev.vrings[0].num), home.size),
                kind="buffers",
                what=f"the buffers of vdev {vdev.ordinal}",
                offset=entry.offset + 4,
                entry=entry.index,
                name=vdev.buffer_name,
            )


def _home(carveout: "Memory") -> Home:
    return Home(carveout.da, carveout.size, f"carveout {carveout.text!r}", carveout)


def _place(home: Home) -> int | None:
    """Return the device address, where there is one: a carveout at 0 is taken for a slip (V32 says so)."""
    if home.da == ADDR_ANY or (home.da == 0 and home.carveout is not None):
        return None
    return home.da
