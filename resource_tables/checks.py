# SPDX-License-Identifier: Apache-2.0
"""All checks as one list, and the walk that applies them in Linux's order.

The loader raises the first failure (``check_image``, ``check_table``, ``check_segments``, ``check_region``);
a report takes them all from the same walk (``run_checks``).

A failure that Linux swallows (it logs the line, leaves the virtio device out and boots on) is never raised:
``check_table`` returns those, for the loader to log.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from resource_tables.check import Check, Failure
from resource_tables.checks_elf import (
    IMAGE_CHECKS,
    SECTION_CHECKS,
    SEGMENT_CHECKS,
    SegmentSubject,
    Translate,
)
from resource_tables.checks_table import (
    CARVEOUT_CHECKS,
    DEVMEM_CHECKS,
    ENTRY_CHECKS,
    HEADER_CHECKS,
    SIZE_CHECKS,
    TRACE_CHECKS,
    EntrySubject,
    Memory,
    significant_name,
)
from resource_tables.checks_vdev import (
    LATE_CARVEOUT_CHECKS,
    REGION_CHECKS,
    VDEV_CHECKS,
    VRING_CHECKS,
    RegionSubject,
    VringSubject,
)
from resource_tables.elf import ElfImage
from resource_tables.elf_header import TABLE_SECTION_NAME, ElfHeader
from resource_tables.model import RSC_CARVEOUT, RSC_DEVMEM, RSC_TRACE, RSC_VDEV
from resource_tables.registered import Registered
from resource_tables.view import TableHead, TableView

#: Every check there is, in the order in which a boot meets them.
CHECKS: tuple[Check, ...] = (
    *IMAGE_CHECKS,
    *SECTION_CHECKS,
    *SIZE_CHECKS,
    *HEADER_CHECKS,
    *ENTRY_CHECKS,
    *CARVEOUT_CHECKS,
    *LATE_CARVEOUT_CHECKS,
    *DEVMEM_CHECKS,
    *TRACE_CHECKS,
    *VDEV_CHECKS,
    *VRING_CHECKS,
    *REGION_CHECKS,
    *SEGMENT_CHECKS,
)

#: The rules of ours that Linux does not have.
OWN_CHECKS: tuple[Check, ...] = tuple(check for check in CHECKS if not check.kernel)

_HANDLERS = {
    RSC_CARVEOUT: CARVEOUT_CHECKS + LATE_CARVEOUT_CHECKS,
    RSC_DEVMEM: DEVMEM_CHECKS,
    RSC_TRACE: TRACE_CHECKS,
    RSC_VDEV: VDEV_CHECKS,
}


@dataclass(frozen=True, slots=True)
class ImageSubject:
    """A firmware file and what is known of its target.

    ``translate(da, size)`` says whether the host has that range for the core; None asks no such question.
    ``most`` is the number of entries that are looked at, None all of them; ``platform`` are the carveouts
    that the target registers before, by name. Thread safety: immutable.
    """

    data: bytes
    translate: Translate | None = None
    iommu: bool = True
    most: int | None = None
    platform: Mapping[str, Memory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableSubject:
    """Table bytes and what is known of their target, as for an image. Thread safety: immutable."""

    data: bytes | memoryview
    iommu: bool = True
    most: int | None = None
    platform: Mapping[str, Memory] = field(default_factory=dict)


Subject = ImageSubject | TableSubject


def failures(subject: Subject, ignore: Collection[str] = ()) -> Iterator[Failure]:
    """Yield what fails, in Linux's order, looking no further than the caller reads.

    ``ignore`` names checks whose failure is not reported; where one of them is a gate, what lies behind it is
    not looked at either. Thread safety: any thread.
    """
    if isinstance(subject, ImageSubject):
        return _image_failures(subject, ignore)
    return _table_failures(subject, ignore)


def run_checks(subject: Subject, *, stop_at_first: bool, ignore: Collection[str] = ()) -> list[Failure]:
    """Return the failures in Linux's order; ``stop_at_first`` ends the list with the one that ends a boot.

    Failures that Linux swallows do not end it. Thread safety: any thread.
    """
    found = []
    for failure in failures(subject, ignore):
        found.append(failure)
        if stop_at_first and not failure.check.swallowed:
            break
    return found


def _raise_first(found: Iterable[Failure]) -> tuple[Failure, ...]:
    swallowed = []
    for failure in found:
        if not failure.check.swallowed:
            raise failure.error()
        swallowed.append(failure)
    return tuple(swallowed)


def check_image(image: ElfImage | bytes) -> None:
    """Raise LoaderError unless the image is one and holds a table whose header and offset array are right.

    An ElfImage has passed the sanity checks already; bytes are put through them first. This is all that
    Linux looks at before it processes resources (remoteproc_elf_loader.c: find_table). The entries are for
    ``check_table(image.table_bytes)``, the segments are for ``check_segments``. Thread safety: any thread.
    """
    parsed = image if isinstance(image, ElfImage) else ElfImage.parse(image)
    _raise_first(_group(SECTION_CHECKS, parsed.header, ()))
    data = parsed.table_bytes or b""
    _raise_first(_group(SIZE_CHECKS, data, ()))
    _raise_first(_group(HEADER_CHECKS, TableHead.of(data), ()))


def check_table(
    data: bytes | bytearray | memoryview,
    *,
    iommu: bool = True,
    ignore: Collection[str] = (),
    platform: Mapping[str, Memory] | None = None,
) -> tuple[Failure, ...]:
    """Raise LoaderError for the first thing that ends a boot; return the failures that Linux swallows.

    A returned failure is about a vring (``failure.subject.entry.index`` is the entry): log its line and leave
    that virtio device out. ``iommu`` says whether devmem entries can be mapped, ``platform`` are the
    carveouts that the target has registered before, by name. Thread safety: any thread.
    """
    return _raise_first(failures(TableSubject(bytes(data), iommu, platform=platform or {}), ignore))


def check_segments(image: ElfImage, translate: Translate | None = None) -> None:
    """Raise LoaderError for the first segment that cannot be loaded, in file order.

    ``translate(da, size)`` says whether [da, da + size) lies in one piece of the core's memory.
    Thread safety: any thread.
    """
    _raise_first(_segment_failures(image.header, translate, ()))


def check_segment(image: ElfImage, index: int, translate: Translate | None = None) -> None:
    """Raise LoaderError when segment ``index`` cannot be loaded; one Linux skips passes.

    For a loader that copies as it goes: Linux leaves the segments before a bad one written.
    Thread safety: any thread.
    """
    segment = image.segments[index]
    if segment.is_loaded:
        _raise_first(_group(SEGMENT_CHECKS, SegmentSubject(segment, index, image.header, translate), ()))


def check_region(da: int, size: int, region_da: int, region_size: int) -> None:
    """Raise LoaderError (ENOMEM) when a carveout or vring does not fit the registered region of its name.

    Addresses may be ADDR_ANY, sizes are bytes. Source: Linux remoteproc_core.c: rproc_check_carveout_da,
    without its signed 32-bit difference. Thread safety: any thread.
    """
    _raise_first(_group(REGION_CHECKS, RegionSubject(da, size, region_da, region_size), ()))


def _group(
    checks: tuple[Check, ...], subject: Any, ignore: Collection[str]
) -> Generator[Failure, None, bool]:
    """Apply checks to one subject; the generator's value tells whether a gate stopped them."""
    for check in checks:
        failure = check.apply(subject)
        if failure is None:
            continue
        if check.id not in ignore:
            yield failure
        if check.gate:
            return True
    return False


def _image_failures(subject: ImageSubject, ignore: Collection[str]) -> Iterator[Failure]:
    header = ElfHeader(subject.data)
    if (yield from _group(IMAGE_CHECKS, header, ignore)):
        return
    no_table = yield from _group(SECTION_CHECKS, header, ignore)
    section = header.find_section(TABLE_SECTION_NAME)
    if section is not None and not no_table:
        # Not copied before its size is known to be that of a table.
        table = memoryview(header.data)[section.offset : section.offset + section.size]
        yield from _table_failures(TableSubject(table, subject.iommu, subject.most, subject.platform), ignore)
    yield from _segment_failures(header, subject.translate, ignore)


def _segment_failures(
    header: ElfHeader, translate: Translate | None, ignore: Collection[str]
) -> Iterator[Failure]:
    for index, segment in enumerate(header.segments()):
        if segment.is_loaded:
            yield from _group(SEGMENT_CHECKS, SegmentSubject(segment, index, header, translate), ignore)


def _table_failures(subject: TableSubject, ignore: Collection[str]) -> Iterator[Failure]:
    if (yield from _group(SIZE_CHECKS, subject.data, ignore)):
        return
    if (yield from _group(HEADER_CHECKS, TableHead.of(subject.data), ignore)):
        return
    view = TableView(subject.data)
    # One growing memory for all entries: a copy for each would be quadratic in a number the peer chooses.
    known = Registered(view, subject.platform)
    for entry in islice(view, subject.most):
        entry_subject = EntrySubject(
            view, entry, known.names, subject.iommu, known.ring_memory, known.platform_memory
        )
        yield from _entry_failures(entry_subject, ignore)
        known.add(entry)


def _entry_failures(subject: EntrySubject, ignore: Collection[str]) -> Iterator[Failure]:
    if (yield from _group(ENTRY_CHECKS, subject, ignore)):
        return
    kind = subject.entry.type
    stopped = yield from _group(_HANDLERS.get(kind, ()), subject, ignore)
    if stopped:
        return
    if kind == RSC_CARVEOUT:
        yield from _platform_failures(subject, ignore)
    elif kind == RSC_VDEV:
        for vring in range(subject.entry.num_of_vrings):
            yield from _group(VRING_CHECKS, VringSubject(subject.entry, vring), ignore)


def _platform_failures(subject: EntrySubject, ignore: Collection[str]) -> Iterator[Failure]:
    """Compare a carveout with what the target has registered under its name."""
    entry = subject.entry
    memory = subject.platform_memory(significant_name(entry))
    if memory is not None:
        request = RegionSubject(entry.u32(0), entry.u32(8), memory.da, memory.size, entry)
        yield from _group(REGION_CHECKS, request, ignore)
