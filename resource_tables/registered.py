# SPDX-License-Identifier: Apache-2.0
"""What Linux has registered by the time it comes to an entry of a table: carveouts, and memory for rings.

A vdev whose rings find no carveout of their names registers memory under those names itself; a carveout that
comes behind it finds that memory and must fit it.

Source: Linux remoteproc_core.c: rproc_handle_carveout, rproc_alloc_vring; remoteproc_virtio.c:
rproc_virtio_probe.
"""

import re
from array import array
from collections.abc import Iterator, Mapping

from resource_tables.checks_table import Memory, significant_name
from resource_tables.checks_vdev import REGION_CHECKS, RegionSubject, VringSubject
from resource_tables.model import NAME_BYTES, RSC_CARVEOUT, RSC_VDEV, vring_name
from resource_tables.sizes import page_round, vring_bytes
from resource_tables.view import EntryView, TableView

#: As Linux writes them, with %d; it refuses a vdev with more rings than two.
_RING_NAME = re.compile(rb"vdev(0|[1-9][0-9]{0,9})vring([01])")


class Registered:
    """The walk's memory; ``platform`` is what the target registers, by name, before the table is read.

    Keeps a few bytes for each entry, however many there are: what a ring has got is worked out when a
    carveout asks for it. Thread safety: none; the caller serialises.
    """

    def __init__(self, table: TableView, platform: Mapping[str, Memory]) -> None:
        self._table = table
        self._platform = {name.encode()[: NAME_BYTES - 1]: memory for name, memory in platform.items()}
        #: Of the carveouts so far, the significant bytes.
        self.names: set[bytes] = set()
        self._for_rings: dict[bytes, EntryView] = {}
        self._vdevs = array("L")  # indexes of entries

    def add(self, entry: EntryView) -> None:
        """Take in an entry that Linux has handled."""
        if not entry.fits:
            return
        if entry.type == RSC_CARVEOUT:
            name = significant_name(entry)
            self.names.add(name)
            if _RING_NAME.fullmatch(name):
                self._for_rings.setdefault(name, entry)
        elif entry.type == RSC_VDEV:
            self._vdevs.append(entry.index)

    def platform_memory(self, name: bytes) -> Memory | None:
        """Return what the target has registered under that name."""
        return self._platform.get(name)

    def ring_memory(self, name: bytes) -> Memory | None:
        """Return what was registered for the ring of that name, unless a carveout of the name came first."""
        found = _RING_NAME.fullmatch(name)
        if found is None or name in self.names or int(found[1]) >= len(self._vdevs):
            return None
        return dict(self._rings(int(found[1]))).get(name)

    def _rings(self, vdev: int) -> Iterator[tuple[bytes, Memory]]:
        """Yield the rings of a vdev that its probe has come to, with what they asked for."""
        entry = self._table.entry(self._vdevs[vdev])
        rings = [VringSubject(entry, number) for number in range(min(entry.num_of_vrings, 2))]
        if any(ring.is_empty for ring in rings):
            return
        for ring in rings:
            name = vring_name(vdev, ring.vring).encode()
            wanted = Memory(ring.da, page_round(vring_bytes(ring.num, ring.align)))
            found = self._platform.get(name) or self._carveout_before(entry, name)
            if found is None:
                yield name, wanted
            elif not _fits(wanted, found):
                # The probe ends here; what it has registered stays.
                return

    def _carveout_before(self, vdev: EntryView, name: bytes) -> Memory | None:
        carveout = self._for_rings.get(name)
        if carveout is None or carveout.index > vdev.index:
            return None
        return Memory(carveout.u32(0), carveout.u32(8))


def _fits(wanted: Memory, found: Memory) -> bool:
    subject = RegionSubject(wanted.da, wanted.size, found.da, found.size)
    return all(check.apply(subject) is None for check in REGION_CHECKS)
