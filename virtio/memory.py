# SPDX-License-Identifier: Apache-2.0
"""The shared memory of one boot: a sealed memfd, and the one checked door from device address to bytes."""

import errno
import fcntl
import itertools
import mmap
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from virtio._native import ffi
from virtio.errors import ClosedError, MemoryLayoutError, OutsideMemoryError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

PAGE_SIZE = mmap.PAGESIZE

# Without F_SEAL_SEAL the core, which gets the descriptor, could add seals of its own, such as
# F_SEAL_FUTURE_WRITE.
_SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def page_floor(da: int) -> int:
    """Round down to a multiple of the host's page size."""
    return da & -PAGE_SIZE


def page_ceil(size: int) -> int:
    """Round up to a multiple of the host's page size."""
    return -(-size & -PAGE_SIZE)


class Region(NamedTuple):
    """Device addresses [da, da + size) lie at ``offset`` of the memory descriptor; bytes, page aligned.

    Thread safety: immutable.
    """

    da: int
    size: int
    offset: int


class SharedMemory:
    """One memfd: a control page at offset 0, then the pieces in the order given.

    ``pieces`` are (da, size in bytes), disjoint, page aligned. The size is sealed, so neither side can make
    the other fault by truncating it. Raises MemoryLayoutError, OSError (ENOMEM, EMFILE, …).
    Thread safety: any thread.
    """

    def __init__(self, name: str, pieces: Sequence[tuple[int, int]]) -> None:
        self.name = name
        self.regions: tuple[Region, ...] = _lay_out(pieces)
        self.size = PAGE_SIZE + sum(region.size for region in self.regions)
        self.control_offset = 0
        self._starts = [region.da for region in self.regions]
        self._fd = os.memfd_create(f"rproc-{name}"[:200], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._fd, self.size)
            fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, _SEALS)
            self._map: mmap.mmap | None = mmap.mmap(self._fd, self.size)
        except BaseException:
            os.close(self._fd)
            raise
        # An address only: the mapping must be able to go when the last view does.
        self._base_va = int(ffi.cast("uintptr_t", ffi.from_buffer(self._map)))

    @property
    def fd(self) -> int:
        """The memory descriptor, to hand over to the core; ClosedError after close."""
        self._mapping()
        return self._fd

    @property
    def control_va(self) -> int:
        """Address of the control page in this process; whoever uses it keeps a :meth:`control_view`."""
        self._mapping()
        return self._base_va

    def control_view(self) -> memoryview:
        """Writable bytes of the control page."""
        return memoryview(self._mapping())[:PAGE_SIZE]

    def view(self, da: int, size: int) -> memoryview:
        """Writable bytes [da, da + size), no copy; OutsideMemoryError unless all lie inside one piece.

        The core can still change them. The view stays valid after close(), stale but without a fault.
        """
        start = self.offset(da, size)
        return memoryview(self._mapping())[start : start + size]

    def array(self, da: int, dtype: "DTypeLike", shape: int | tuple[int, ...]) -> "NDArray[Any]":
        """Return a NumPy array over the memory at ``da``, no copy; OutsideMemoryError as for :meth:`view`."""
        import numpy as np  # heavy, and most programs never ask

        kind: np.dtype[Any] = np.dtype(dtype)
        dimensions = (shape,) if isinstance(shape, int) else tuple(shape)
        size = kind.itemsize
        for length in dimensions:
            size *= length
        return np.frombuffer(self.view(da, size), dtype=kind).reshape(dimensions)

    def va(self, da: int, size: int) -> int:
        """Address of [da, da + size) in this process, for C; checked like :meth:`view`.

        The caller keeps a view for as long as C uses the address: views are what keeps memory mapped.
        """
        self._mapping()
        return self._base_va + self.offset(da, size)

    def offset(self, da: int, size: int) -> int:
        """Offset of [da, da + size) in the memory descriptor; OutsideMemoryError unless inside one piece."""
        index = bisect_right(self._starts, da) - 1
        if index < 0 or size < 0:
            raise OutsideMemoryError(da, size)
        region = self.regions[index]
        inside = da - region.da
        if inside > region.size or size > region.size - inside:
            raise OutsideMemoryError(da, size)
        return region.offset + inside

    def copy(self) -> "SharedMemory":
        """Return another memory with the same layout and contents, control page left out.

        Pages that were never written stay unwritten. Raises ClosedError, OSError.
        """
        pieces = [
            (region.da, region.size) for region in sorted(self.regions, key=lambda region: region.offset)
        ]
        source, new = self.fd, SharedMemory(self.name, pieces)
        try:
            for start, end in _written(source, PAGE_SIZE, self.size):
                os.lseek(new._fd, start, os.SEEK_SET)
                while start < end:
                    start += os.sendfile(new._fd, source, start, end - start)
        except BaseException:
            new.close()
            raise
        return new

    def close(self) -> None:
        """Close the descriptor; the mapping goes with the last view of it. May be called again."""
        mapping, self._map = self._map, None
        if mapping is not None:
            os.close(self._fd)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._map is None

    def _mapping(self) -> mmap.mmap:
        if self._map is None:
            raise ClosedError("the shared memory of this boot is closed")
        return self._map


def _written(fd: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a sparse file that hold data, from ``start`` on."""
    while start < end:
        try:
            start = os.lseek(fd, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        hole = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, hole
        start = hole


def _lay_out(pieces: Sequence[tuple[int, int]]) -> tuple[Region, ...]:
    """Give each piece its offset, in the order given; return them sorted by device address."""
    regions = []
    offset = PAGE_SIZE
    for da, size in pieces:
        if da < 0 or size <= 0 or da % PAGE_SIZE or size % PAGE_SIZE or da + size > 1 << 64:
            raise MemoryLayoutError(f"[{da:#x}, +{size:#x}) is not made of whole pages of {PAGE_SIZE} bytes")
        regions.append(Region(da, size, offset))
        offset += size
    regions.sort()
    for lower, upper in itertools.pairwise(regions):
        if lower.da + lower.size > upper.da:
            raise MemoryLayoutError(f"pieces at {lower.da:#x} and {upper.da:#x} overlap")
    return tuple(regions)
