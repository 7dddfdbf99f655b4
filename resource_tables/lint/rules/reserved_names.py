# SPDX-License-Identifier: Apache-2.0
"""The rules on carveouts whose names Linux gives a meaning, V38 to V41: ``vdevXvringY`` and ``vdevXbuffer``.

What they find costs the firmware its virtio device, not its boot: Linux looks at the result of neither probe.
Only a carveout that comes behind the vdev of its name ends the boot, and that is a check of the loader.

Source: Linux remoteproc_core.c: rproc_alloc_vring; remoteproc_virtio.c: rproc_virtio_probe,
rproc_add_virtio_dev.
"""

import re
from collections.abc import Iterator

from resource_tables.checks_vdev import LATE_CARVEOUT_CHECKS
from resource_tables.errors import LoaderError
from resource_tables.lint.rules.context import Context, VringItem
from resource_tables.lint.rules.homes import ID_RPMSG, Home, misfit
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.lint.rules.spots import entry_spot, vring_spot
from resource_tables.model import buffer_name, vring_name
from resource_tables.sizes import buffers_bytes, page_round, pool_bytes

#: As Linux writes them, with %d: no sign, no leading zero.
_RESERVED = re.compile(r"vdev(0|[1-9][0-9]*)(?:vring(0|[1-9][0-9]*)|buffer)")
#: What a slip of the pen makes of them, with letters and digits only.
_SLIP = re.compile(r"vdev([0-9]*)(?:v?ring([0-9]+)|buffers?|bufs?)")

_TOO_SMALL = "region-len"


def _ring_misfits(context: Context) -> Iterator[tuple[VringItem, Home, LoaderError]]:
    """Yield the rings that do not fit the memory registered under their name."""
    for ring in context.vrings:
        home = context.homes.of_ring(ring) if ring.is_usable else None
        if home is None:
            continue
        error = misfit(context.homes.wanted(ring), page_round(ring.size), home.da, home.size)
        if error is not None:
            yield ring, home, error


def _spot_at(ring: VringItem, home: Home, field: str, message: str) -> Spot:
    """Return a spot at the carveout, or at the ring where the memory map is what does not fit."""
    if home.carveout is not None:
        return entry_spot(home.carveout.entry, field, message)
    return vring_spot(ring, "num" if field == "len" else "da", message)


def _too_small(context: Context) -> Iterator[Spot]:
    for ring, home, error in _ring_misfits(context):
        if error.rule == _TOO_SMALL:
            message = (
                f"{home.what} has {home.size:#x} bytes, its ring (num {ring.num}, align {ring.align}) takes "
                f"{page_round(ring.size):#x}: the virtio device is lost"
            )
            yield _spot_at(ring, home, "len", message)


def _no_such_ring(context: Context) -> Iterator[Spot]:
    rings = {ring.name for ring in context.vrings} | {vdev.buffer_name for vdev in context.vdevs}
    for carveout in context.carveouts if context.homes.by_name else ():
        if _RESERVED.fullmatch(carveout.text) and carveout.text not in rings:
            message = f"carveout {carveout.text!r} is named for a vdev or vring that the table does not have"
            yield entry_spot(carveout.entry, "name", message, severity=Severity.WARNING)


def _ring_carveouts(context: Context) -> Iterator[Spot]:
    yield from _too_small(context)
    yield from _no_such_ring(context)


def _elsewhere(context: Context) -> Iterator[Spot]:
    for ring, home, error in _ring_misfits(context):
        if error.rule != _TOO_SMALL:
            message = f"vring {ring.index} of vdev {ring.vdev} asks for da {ring.da:#x}, but {home.what} "
            where = "has any address" if error.rule == "region-any" else f"is [{home.da:#x}, +{home.size:#x})"
            yield _spot_at(ring, home, "da", f"{message}{where}: the virtio device is lost")


def _pools(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        home = context.homes.of_buffers(vdev)
        if home is None or vdev.id != ID_RPMSG or not vdev.vrings or not vdev.vrings[0].is_usable:
            continue
        num = vdev.vrings[0].num
        need = pool_bytes(buffers_bytes(num))
        if home.size < need:
            message = (
                f"{home.what} has {home.size:#x} bytes; {min(2 * num, 512)} buffers of 512 bytes take "
                f"{need:#x} of a pool: there will be no rpmsg on vdev {vdev.ordinal}"
            )
            if home.carveout is None:
                yield vring_spot(vdev.vrings[0], "num", message)
            else:
                yield entry_spot(home.carveout.entry, "len", message)


def _meant(text: str) -> str | None:
    """Return the reserved name that ``text`` looks like without being one."""
    slip = _SLIP.fullmatch(re.sub(r"[^a-z0-9]", "", text.lower()))
    if slip is None or _RESERVED.fullmatch(text):
        return None
    vdev, ring = slip.groups()
    index = int(vdev or "0")
    return buffer_name(index) if ring is None else vring_name(index, int(ring))


def _misspelt(context: Context) -> Iterator[Spot]:
    for carveout in context.carveouts if context.homes.by_name else ():
        meant = _meant(carveout.text)
        if meant is not None:
            message = f"carveout {carveout.text!r} is not {meant!r}, which Linux looks for"
            yield entry_spot(carveout.entry, "name", message)


RULES = (
    Rule(
        id="V38",
        title="vring-carveout-size",
        severity=Severity.ERROR,
        reason="A ring that does not fit the memory of its name costs the virtio device, while the boot goes "
        "on.",
        source="remoteproc_core.c: rproc_alloc_vring",
        hint="Give a carveout vdevXvringY whole pages for the ring of that number: the layout of the ring, "
        "rounded up to 4096.",
        function=_ring_carveouts,
    ),
    Rule(
        id="V39",
        title="vring-carveout-da",
        severity=Severity.ERROR,
        reason="A ring with a fixed address must lie inside the memory of its name, which needs a fixed "
        "address, too.",
        source="remoteproc_core.c: rproc_alloc_vring",
        hint="Use -1 (0xFFFFFFFF) for the ring's da: it is put at the start of the carveout.",
        checks=tuple(check.id for check in LATE_CARVEOUT_CHECKS),
        function=_elsewhere,
    ),
    Rule(
        id="V40",
        title="buffer-carveout-size",
        severity=Severity.ERROR,
        reason="Buffers come from vdevXbuffer and nowhere else, in one piece of a power-of-two number of "
        "pages.",
        source="remoteproc_virtio.c: rproc_add_virtio_dev; kernel/dma/coherent.c: __dma_alloc_from_coherent",
        hint="Enlarge the carveout or the region: 1024 bytes for each descriptor of the first ring (at most "
        "256 count), rounded up to a power of two of at least 4096.",
        function=_pools,
    ),
    Rule(
        id="V41",
        title="reserved-name-misspelt",
        severity=Severity.WARNING,
        reason="Linux looks for vdevXvringY and vdevXbuffer literally; a carveout of another name is memory "
        "that rings and buffers do not use.",
        source="remoteproc_core.c: rproc_find_carveout_by_name",
        hint="Write the name as vdev0vring0, vdev0vring1, vdev0buffer: no separators, no leading zeros.",
        function=_misspelt,
    ),
)
