# SPDX-License-Identifier: Apache-2.0
"""The rules on virtio devices, V49 to V54; those on their rings are in ``vrings``.

Source: Linux remoteproc_core.c: rproc_handle_vdev; remoteproc_virtio.c; drivers/rpmsg/virtio_rpmsg_bus.c.
"""

from collections.abc import Iterator

from resource_tables.lint.rules.context import Context, VdevItem
from resource_tables.lint.rules.homes import ID_RPMSG
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.lint.rules.spots import entry_spot, vring_spot

_RPMSG = "drivers/rpmsg/virtio_rpmsg_bus.c"

_ID_SERIAL = 11
#: Device ids that virtio 1.2 (chapter 5) gives out, less those it only reserves.
_KNOWN_IDS = frozenset((*range(1, 14), *range(16, 43)))

_BIT_NS = 0
_BIT_BUFFER_SIZE = 1
_BIT_INDIRECT = 28
_BIT_EVENT_IDX = 29
#: From here on feature bits are those of every device (virtio 1.2, 2.2).
_FIRST_RING_BIT = 24
_RING_BITS = {
    _BIT_INDIRECT: "indirect descriptors",
    _BIT_EVENT_IDX: "event indices instead of flags",
}

#: "The host chooses", as OpenAMP writes it (RSC_NOTIFY_ID_ANY).
_NOTIFYID_ANY = 0xFFFFFFFF


def _too_few(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        if vdev.num_of_vrings >= 2:
            continue
        shown = f"vdev {vdev.ordinal} (id {vdev.id}) has {vdev.num_of_vrings or 'no'} vring"
        if vdev.id == ID_RPMSG:
            message = f"{shown}, rpmsg needs two: its driver's probe fails with ENOMEM"
            yield entry_spot(vdev.entry, "num_of_vrings", message)
        elif context.profile.loader.startswith("linux"):
            message = f"{shown}; when it removes such a device Linux dereferences NULL"
            yield entry_spot(vdev.entry, "num_of_vrings", message, severity=Severity.WARNING)


def _other_ids(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        if vdev.id in (ID_RPMSG, _ID_SERIAL):
            continue
        known = vdev.id in _KNOWN_IDS
        what = "is no rpmsg device: the host needs a driver for it" if known else "is no virtio device"
        severity = Severity.INFO if known else Severity.WARNING
        yield entry_spot(vdev.entry, "id", f"vdev {vdev.ordinal} with id {vdev.id} {what}", severity=severity)


def _no_name_service(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        if vdev.id == ID_RPMSG and not vdev.dfeatures >> _BIT_NS & 1:
            message = f"vdev {vdev.ordinal} is rpmsg without the name service (bit 0 of dfeatures)"
            yield entry_spot(vdev.entry, "dfeatures", message)


def _unacknowledged(vdev: VdevItem) -> int:
    """Return the offered feature bits that no Linux driver of the device takes."""
    mask = ~((1 << _FIRST_RING_BIT) - 1)
    if vdev.id == ID_RPMSG:
        mask = ~(1 << _BIT_NS)
    return vdev.dfeatures & mask & ~(1 << _BIT_INDIRECT | 1 << _BIT_EVENT_IDX)


def _features(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        # One finding for a field: the worst thing to be said of it comes first.
        lost = _unacknowledged(vdev)
        own = [name for bit, name in _RING_BITS.items() if vdev.dfeatures >> bit & 1]
        said = []
        if lost:
            said.append(f"bits {lost:#x} are never acknowledged")
        if vdev.id == ID_RPMSG and lost >> _BIT_BUFFER_SIZE & 1:
            said.append("bit 1 is the buffer size to some and an acknowledgement to others")
        if own:
            said.append(f"it has to implement {' and '.join(own)}")
        if said:
            message = f"vdev {vdev.ordinal} offers {vdev.dfeatures:#x}: {'; '.join(said)}"
            severity = Severity.WARNING if lost else Severity.INFO
            yield entry_spot(vdev.entry, "dfeatures", message, severity=severity)


def _preset(context: Context) -> Iterator[Spot]:
    for vdev in context.vdevs:
        if vdev.status:
            message = f"vdev {vdev.ordinal} has status {vdev.status:#x} in the image"
            yield entry_spot(vdev.entry, "status", message, severity=Severity.WARNING)
        if vdev.gfeatures:
            message = f"vdev {vdev.ordinal} has gfeatures {vdev.gfeatures:#x} in the image"
            yield entry_spot(vdev.entry, "gfeatures", message)
    for ring in context.vrings:
        if ring.pa:
            message = f"vring {ring.index} of vdev {ring.vdev} has pa {ring.pa:#x} in the image"
            yield vring_spot(ring, "pa", message)


def _numbered_by_host(context: Context) -> Iterator[Spot]:
    """Yield the rings whose id is not the one that Linux gives them."""
    seen: dict[int, str] = {}
    kept = (vdev for vdev in context.vdevs if all(ring.is_usable for ring in vdev.vrings))
    for expected, ring in enumerate(ring for vdev in kept for ring in vdev.vrings):
        if ring.notifyid == _NOTIFYID_ANY:
            continue
        name = f"vring {ring.index} of vdev {ring.vdev}"
        first = seen.setdefault(ring.notifyid, name)
        if first != name:
            message = f"{name} has notifyid {ring.notifyid}, as {first} has"
            yield vring_spot(ring, "notifyid", message)
        elif ring.notifyid != expected:
            message = f"{name} has notifyid {ring.notifyid}, Linux will give it {expected}"
            yield vring_spot(ring, "notifyid", message)


def _numbered_by_table(context: Context) -> Iterator[Spot]:
    """Yield the rings whose id is taken: OpenAMP's host keeps those of the table, the vdevs' included."""
    seen: dict[int, str] = {}
    for vdev in context.vdevs:
        seen.setdefault(vdev.notifyid, f"vdev {vdev.ordinal}")
        for ring in vdev.vrings:
            name = f"vring {ring.index} of vdev {ring.vdev}"
            first = seen.setdefault(ring.notifyid, name)
            if first != name and ring.notifyid != _NOTIFYID_ANY:
                message = f"{name} has notifyid {ring.notifyid}, as {first} has; it will get another"
                hint = "Give each vring and each vdev an id of its own, such as 0, 1 and 31."
                yield vring_spot(ring, "notifyid", message, hint=hint, severity=Severity.WARNING)


def _notify_ids(context: Context) -> Iterator[Spot]:
    by_table = context.profile.loader == "openamp"
    return _numbered_by_table(context) if by_table else _numbered_by_host(context)


RULES = (
    Rule(
        id="V49",
        title="vdev-vrings",
        severity=Severity.ERROR,
        reason="Linux supports two vrings per vdev and refuses more; with fewer, rpmsg does not start.",
        source="remoteproc_core.c: rproc_handle_vdev; remoteproc_virtio.c: rproc_virtio_remove",
        hint="Give the vdev two vrings, the first for messages to the host.",
        checks=("vdev-vrings",),
        function=_too_few,
    ),
    Rule(
        id="V50",
        title="vdev-id",
        severity=Severity.WARNING,
        reason="Without a driver for the id the device stays as it is, and its status at 1.",
        source="virtio 1.2, 5; include/uapi/linux/virtio_ids.h",
        hint="Use 7 for rpmsg, 11 for a serial port.",
        function=_other_ids,
    ),
    Rule(
        id="V51",
        title="vdev-name-service",
        severity=Severity.WARNING,
        reason="Without the name service the host hears of no channel of the firmware.",
        source=f"{_RPMSG}: rpmsg_probe",
        hint="Set bit 0 (VIRTIO_RPMSG_F_NS) of dfeatures.",
        function=_no_name_service,
    ),
    Rule(
        id="V52",
        title="vdev-features",
        severity=Severity.WARNING,
        reason="Linux takes the name service, indirect descriptors and event indices; what it takes, the "
        "firmware must have.",
        source=f"{_RPMSG}: features; drivers/virtio/virtio_ring.c: vring_transport_features",
        hint="Offer only what the firmware implements: dfeatures = 1 for most.",
        function=_features,
    ),
    Rule(
        id="V53",
        title="vdev-preset",
        severity=Severity.INFO,
        reason="The host owns these fields; a status that says DRIVER_OK already may start the firmware too "
        "early.",
        source="remoteproc_virtio.c: rproc_virtio_finalize_features, rproc_virtio_set_status",
        hint="Set status, gfeatures and pa to 0.",
        function=_preset,
    ),
    Rule(
        id="V54",
        title="vring-notifyid",
        severity=Severity.INFO,
        reason="Linux numbers the vrings 0, 1, 2 and so on, and writes the numbers into the table.",
        source="remoteproc_core.c: rproc_alloc_vring",
        hint="Number the vrings in the order of the table, or read notifyid once the host is up.",
        function=_notify_ids,
    ),
)
