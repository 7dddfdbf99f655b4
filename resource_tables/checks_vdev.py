# SPDX-License-Identifier: Apache-2.0
"""The checks on vdevs, their vrings, and on requests for memory that is already registered.

Source: Linux 6.12 remoteproc_core.c (rproc_handle_vdev, rproc_parse_vring, rproc_check_carveout_da). The
rules on the shape of a ring are ours: the kernel accepts rings whose index arithmetic cannot work.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from resource_tables.check import Check, Violation
from resource_tables.checks_table import EntrySubject, significant_name, when
from resource_tables.model import ADDR_ANY
from resource_tables.view import VDEV_BYTES, EntryView

_HANDLER = "remoteproc_core.c: rproc_handle_vdev"
_REGION = "remoteproc_core.c: rproc_check_carveout_da"
OWN = "resource_tables: checks_vdev"

#: Limits of a split virtqueue (virtio 1.2, 2.7); one descriptor makes no queue that rpmsg could use.
MIN_RING_NUM = 2
MAX_RING_NUM = 32768
MIN_RING_ALIGN = 4

_AT_RESERVED = 22


@dataclass(frozen=True)
class VringSubject:
    """One vring of a vdev entry that lies inside the table.

    Thread safety: immutable.
    """

    entry: EntryView
    vring: int

    @cached_property
    def _words(self) -> tuple[int, int, int, int, int]:
        # Read once for all checks: they are most of the work on a table that is made of vdevs.
        return self.entry.vring_words(self.vring)

    @property
    def offset(self) -> int:
        """Where the vring descriptor lies in the table."""
        return self.entry.offset + 4 + self.entry.vring_position(self.vring)

    @property
    def da(self) -> int:
        """The wanted device address."""
        return self._words[0]

    @property
    def align(self) -> int:
        """The alignment of the used part."""
        return self._words[1]

    @property
    def num(self) -> int:
        """The number of descriptors."""
        return self._words[2]

    @property
    def is_empty(self) -> bool:
        """Whether Linux's own check refuses it, which leaves the rules on its shape nothing to add."""
        return self.num == 0 or self.align == 0


@dataclass(frozen=True, slots=True)
class RegionSubject:
    """A carveout or vring (``da``, ``size``) that is to live in a registered region of the same name.

    ``entry`` is that of a carveout, where there is one. Thread safety: immutable.
    """

    da: int
    size: int
    region_da: int
    region_size: int
    entry: EntryView | None = None

    @property
    def both_fixed(self) -> bool:
        """Whether the two addresses can be compared."""
        return ADDR_ANY not in (self.da, self.region_da)


def _vdev_size(subject: EntrySubject) -> Violation | None:
    return when(not subject.entry.fits, subject.entry.offset)


def _vdev_reserved(subject: EntrySubject) -> Violation | None:
    found = subject.entry.bytes_at(_AT_RESERVED, VDEV_BYTES - _AT_RESERVED) != b"\0\0"
    return when(found, subject.entry.offset + 4 + _AT_RESERVED)


def _vdev_vrings(subject: EntrySubject) -> Violation | None:
    num = subject.entry.num_of_vrings
    return when(num > 2, subject.entry.offset + 4 + 21, num)


def _vdev(
    id_: str,
    log: str,
    requires: str,
    hint: str,
    function: Callable[[EntrySubject], Violation | None],
    gate: bool = False,
) -> Check:
    return Check(
        id=id_,
        errno=errno.EINVAL,
        log=log,
        source=_HANDLER,
        applies_to="vdev",
        requires=requires,
        hint=hint,
        function=function,
        gate=gate,
    )


VDEV_CHECKS: tuple[Check, ...] = (
    _vdev(
        "vdev-size",
        "vdev rsc is truncated",
        "a vdev entry has its 24 bytes of payload, its vrings and its configuration space",
        "Check num_of_vrings and config_len against what follows the entry.",
        _vdev_size,
        gate=True,
    ),
    _vdev(
        "vdev-reserved",
        "vdev rsc has non zero reserved bytes",
        "both reserved bytes of a vdev are 0",
        "Set the two bytes behind num_of_vrings to 0 (some firmware keeps a role there).",
        _vdev_reserved,
    ),
    _vdev(
        "vdev-vrings",
        "too many vrings: %d",
        "a vdev has at most 2 vrings",
        "Spread the rings over several vdevs: Linux supports two for each.",
        _vdev_vrings,
        gate=True,
    ),
)


def _vring_not_empty(subject: VringSubject) -> Violation | None:
    return when(subject.is_empty, subject.offset, subject.num, subject.align)


def _power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


def _vring_num(subject: VringSubject) -> Violation | None:
    good = _power_of_two(subject.num) and subject.num <= MAX_RING_NUM
    return when(not subject.is_empty and not good, subject.offset + 8)


def _vring_single(subject: VringSubject) -> Violation | None:
    return when(not subject.is_empty and subject.num < MIN_RING_NUM, subject.offset + 8)


def _vring_align(subject: VringSubject) -> Violation | None:
    good = _power_of_two(subject.align) and subject.align >= MIN_RING_ALIGN
    return when(not subject.is_empty and not good, subject.offset + 4)


def _vring_da(subject: VringSubject) -> Violation | None:
    fixed = not subject.is_empty and subject.da != ADDR_ANY
    return when(fixed and subject.da % subject.align != 0, subject.offset)


def _own_vring(
    id_: str, requires: str, hint: str, function: Callable[[VringSubject], Violation | None]
) -> Check:
    return Check(
        id=id_,
        errno=errno.EINVAL,
        log=None,
        source=OWN,
        applies_to="vring",
        requires=requires,
        hint=hint,
        function=function,
        kernel=False,
    )


VRING_CHECKS: tuple[Check, ...] = (
    Check(
        id="vring-empty",
        errno=errno.EINVAL,
        log="invalid qsz (%d) or alignment (%d)",
        source="remoteproc_core.c: rproc_parse_vring",
        applies_to="vring",
        requires="num and align of a vring are not 0",
        hint="Linux boots without this virtio device: set num (256 is usual) and align (16 or 4096).",
        function=_vring_not_empty,
        swallowed=True,
        gate=True,
    ),
    _own_vring(
        "vring-num",
        f"num is a power of two, at most {MAX_RING_NUM}",
        "Ring positions are index modulo num, which a 16-bit index survives only for powers of two.",
        _vring_num,
    ),
    _own_vring(
        "vring-single",
        f"num is at least {MIN_RING_NUM}",
        "A ring of one descriptor is legal and good for nothing: 256 is usual.",
        _vring_single,
    ),
    _own_vring(
        "vring-align",
        f"align is a power of two and at least {MIN_RING_ALIGN}",
        "The used ring holds 32-bit words that both sides access atomically: use 16 or 4096.",
        _vring_align,
    ),
    _own_vring(
        "vring-da",
        "a fixed da is a multiple of align",
        "Move the ring, or use -1 (0xFFFFFFFF) and let the host choose.",
        _vring_da,
    ),
)


def _region(
    id_: str, log: str | None, requires: str, hint: str, failed: Callable[[RegionSubject], bool]
) -> Check:
    return Check(
        id=id_,
        # rproc_check_carveout_da says EINVAL, but both its callers turn that into ENOMEM.
        errno=errno.ENOMEM,
        log=log,
        source=_REGION,
        applies_to="region",
        requires=requires,
        hint=hint,
        function=lambda subject: when(failed(subject)),
        gate=True,
    )


REGION_CHECKS: tuple[Check, ...] = (
    _region(
        "region-len",
        "Registered carveout doesn't fit len request",
        "a request is not larger than the region of its name",
        "Enlarge the region, or ask for less.",
        lambda s: s.size > s.region_size,
    ),
    _region(
        "region-any",
        None,
        "a request for a fixed da does not meet a region without one",
        "Give the region a device address, or ask for any address (-1).",
        lambda s: s.da != ADDR_ANY and s.region_da == ADDR_ANY,
    ),
    _region(
        "region-da",
        "Registered carveout doesn't fit da request",
        "a fixed da does not lie below its region",
        "Move the region down, or the request up.",
        lambda s: s.both_fixed and s.da < s.region_da,
    ),
    _region(
        "region-end",
        "Registered carveout doesn't fit len request",
        "a request with a fixed da ends inside its region",
        "Enlarge the region, or move the request down.",
        lambda s: s.both_fixed and s.da - s.region_da + s.size > s.region_size,
    ),
)


def _late(region: Check) -> Check:
    """Return the check of a carveout that comes behind the vdev whose ring has memory of its name by then."""

    def misfit(subject: EntrySubject) -> Violation | None:
        entry = subject.entry
        ring = subject.ring_memory(significant_name(entry))
        if ring is None:
            return None
        failure = region.apply(RegionSubject(entry.u32(0), entry.u32(8), ring.da, ring.size))
        # The request's size is its third word, its address the first.
        return when(failure is not None, entry.offset + (12 if region.id == "region-len" else 4))

    return Check(
        id=f"late-{region.id}",
        errno=region.errno,
        log=region.log,
        source=region.source,
        applies_to="carveout",
        requires=f"behind the vdev whose ring has its name, {region.requires}",
        hint="Put the carveout before the vdev in offset[]: Linux has given the ring memory of that name.",
        function=misfit,
        gate=True,
    )


LATE_CARVEOUT_CHECKS: tuple[Check, ...] = tuple(_late(region) for region in REGION_CHECKS)
