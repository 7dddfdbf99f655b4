# SPDX-License-Identifier: Apache-2.0
"""The rules on vrings, V55 to V60.

Source: Linux remoteproc_core.c: rproc_parse_vring, rproc_alloc_vring; remoteproc_virtio.c: rp_find_vq;
virtio 1.2, 2.7.
"""

from collections.abc import Iterator

from resource_tables.lint.rules.context import Context, VringItem
from resource_tables.lint.rules.homes import ID_RPMSG
from resource_tables.lint.rules.ranges import RangeIndex, clashes
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.lint.rules.spots import vring_spot
from resource_tables.sizes import MAX_BUFFERS, PAGE

_ALLOC = "remoteproc_core.c: rproc_alloc_vring"
_LAYOUT = "virtio 1.2, 2.7.2; include/uapi/linux/virtio_ring.h: vring_init"

#: What every implementation agrees on; below, some leave an event index out when they look for the used ring.
_USUAL_ALIGN = 16
_ADDRESS_END = 1 << 32


def _named(ring: VringItem) -> str:
    return f"vring {ring.index} of vdev {ring.vdev}"


def _alignments(context: Context) -> Iterator[Spot]:
    for ring in context.vrings:
        if ring.align > PAGE:
            message = f"{_named(ring)} has align {ring.align:#x}, its memory is aligned to {PAGE:#x}"
            yield vring_spot(ring, "align", message)
        elif 4 <= ring.align < _USUAL_ALIGN and ring.align & (ring.align - 1) == 0:
            message = f"{_named(ring)} has align {ring.align}, which some implementations lay out differently"
            yield vring_spot(ring, "align", message, severity=Severity.INFO)


def _pairs(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        if vdev.id != ID_RPMSG or len(vdev.vrings) < 2 or not all(r.is_usable for r in vdev.vrings):
            continue
        first, second = vdev.vrings
        for field in ("num", "align"):
            mine, other = getattr(second, field), getattr(first, field)
            if mine != other:
                message = f"{_named(second)} has {field} {mine}, the ring of the other direction {other}"
                yield vring_spot(second, field, message)
        if first.num > MAX_BUFFERS // 2:
            message = f"{_named(first)} has num {first.num}, Linux has {MAX_BUFFERS // 2} buffers for it"
            yield vring_spot(first, "num", message, severity=Severity.INFO)


def _fixed(context: Context) -> Iterator[VringItem]:
    """Yield the rings at a fixed address that is not 0."""
    return (r for r in context.vrings if r.is_usable and r.da != 0 and not context.is_any(r.da))


def _addresses(context: Context) -> Iterator[Spot]:
    for ring in context.vrings:
        if ring.is_usable and ring.da == 0 and not context.profile.zero_is_any:
            hint = "Use -1 (0xFFFFFFFF) for any address."
            yield vring_spot(ring, "da", f"{_named(ring)} has da 0, a fixed address for Linux", hint=hint)
    for ring in _fixed(context):
        if ring.da + ring.size > _ADDRESS_END:
            severity = Severity.ERROR if context.profile.own else Severity.WARNING
            yield vring_spot(ring, "da", f"{_named(ring)} ends above 2^32", severity=severity)
        elif ring.da % PAGE:
            message = f"{_named(ring)} has da {ring.da:#x}, no multiple of {PAGE:#x}: memory comes in pages"
            yield vring_spot(ring, "da", message)


def _without_memory(context: Context) -> Iterator[Spot]:
    """Yield the rings whose address nothing stands for, where that can be known."""
    memory = context.memory
    if memory is None or context.profile.own or context.profile.iommu:
        return
    for ring in _fixed(context):
        if context.homes.of_ring(ring) is not None:
            continue
        holder = memory.containing(ring.da, ring.size)
        where = "no region holds it" if holder is None else f"it lies in region {holder.name!r}"
        message = (
            f"{_named(ring)} asks for {ring.da:#x}, but no carveout or region has the name {ring.name!r}; "
            f"{where}"
        )
        hint = f"Name a region or a carveout {ring.name}, or use -1 (0xFFFFFFFF) for da."
        yield vring_spot(ring, "da", message, hint=hint)


def _moved(context: Context) -> Iterator[Spot]:
    """Yield the rings that will lie elsewhere than they ask for."""
    for ring in _fixed(context):
        da = context.homes.ring_da(ring)
        if da is not None and da != ring.da:
            message = f"{_named(ring)} asks for {ring.da:#x}, it is put at {da:#x}, where its carveout begins"
            yield vring_spot(ring, "da", message)


def _places(context: Context) -> Iterator[Spot]:
    yield from _addresses(context)
    yield from _moved(context)
    yield from _without_memory(context)


def _overlapping(context: Context) -> Iterator[Spot]:
    named = {ring.name: ring for ring in context.vrings}
    rings = context.ranges_of("vring")
    host_data = (*context.homes.buffer_ranges(), *context.ranges_of("table"))
    for pairs in (clashes(rings), clashes(rings, host_data)):
        for ring, other in pairs:
            yield vring_spot(named[ring.name], "da", f"{ring.text} overlaps {other.text}")


def _in_foreign_carveouts(context: Context) -> Iterator[Spot]:
    """Yield the rings without memory of their own name that lie in another carveout, in part or whole."""
    homes = context.homes
    names = {ring.name for ring in context.vrings}
    carveouts = RangeIndex(range_ for range_ in context.ranges_of("carveout") if range_.name not in names)
    for ring in _fixed(context):
        if homes.of_ring(ring) is not None or not homes.by_name:
            continue
        end = ring.da + ring.size
        other = carveouts.overlapping(ring.da, end)
        if other is None:
            continue
        text = f"{_named(ring)} [{ring.da:#x}, +{ring.size:#x})"
        if not context.profile.own:
            message = f"{text} lies in {other.text}; Linux gives the ring other memory"
            yield vring_spot(ring, "da", message, severity=Severity.INFO)
        elif carveouts.containing(ring.da, end) is None:
            yield vring_spot(ring, "da", f"{text} overlaps {other.text} without lying in it")


def _apart(context: Context) -> Iterator[Spot]:
    yield from _overlapping(context)
    yield from _in_foreign_carveouts(context)


RULES = (
    Rule(
        id="V55",
        title="vring-shape-zero",
        severity=Severity.ERROR,
        reason="A ring with num or align 0 costs the virtio device, while the boot goes on.",
        source="remoteproc_core.c: rproc_parse_vring",
        hint="Set num (256 is usual) and align (16 or 4096).",
        checks=("vring-empty",),
    ),
    Rule(
        id="V56",
        title="vring-num-power",
        severity=Severity.ERROR,
        reason="Host and core find a place in the ring by a bit mask; with any other number they overwrite "
        "each other's entries.",
        source="virtio 1.2, 2.7; drivers/virtio/virtio_ring.c: virtqueue_add_split",
        hint="Use a power of two, 32768 at most.",
        checks=("vring-num",),
    ),
    Rule(
        id="V57",
        title="vring-align",
        severity=Severity.WARNING,
        reason="align is used as a bit mask, and the used ring it places holds words of 32 bits; pages align "
        "to no more than 4096.",
        source=_LAYOUT,
        hint="Use 16 or 4096.",
        checks=("vring-align",),
        function=_alignments,
    ),
    Rule(
        id="V58",
        title="vring-pair",
        severity=Severity.WARNING,
        reason="Linux counts the buffers of both directions by the first ring: a smaller second one runs "
        "full, and entries above 256 stay empty.",
        source="drivers/rpmsg/virtio_rpmsg_bus.c: rpmsg_probe",
        hint="Give both rings the same num, from 2 to 256, and the same align.",
        checks=("vring-single",),
        function=_pairs,
    ),
    Rule(
        id="V59",
        title="vring-da",
        severity=Severity.WARNING,
        reason="A ring at a fixed address is where the firmware looks for it only if memory is registered "
        "there under its name.",
        source=_ALLOC,
        hint="Use -1 (0xFFFFFFFF) and read da once the host is up, or reserve memory at a page for the ring.",
        checks=("vring-da",),
        function=_places,
    ),
    Rule(
        id="V60",
        title="vring-apart",
        severity=Severity.ERROR,
        reason="The host zeroes a ring after it has loaded and started the image, and both sides write to it "
        "from then on.",
        source="remoteproc_virtio.c: rp_find_vq",
        hint="Give each ring a place of its own.",
        function=_apart,
    ),
)
