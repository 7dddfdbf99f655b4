# SPDX-License-Identifier: Apache-2.0
"""The same for what comes after the verdict: segments, and requests for memory that is registered already."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resource_tables import ADDR_ANY, OWN_CHECKS, ImageSubject, LoaderError, check_region, failures
from resource_tables.checks_elf import SEGMENT_CHECKS
from resource_tables.elf_header import ElfHeader
from tests.oracle.ask import Answer, Region, RegionQuery

_NOT_LINUX = frozenset(check.id for check in OWN_CHECKS)
#: Beyond this, Linux's signed 32-bit distances between addresses are negative.
_FAR = 1 << 31


@dataclass(frozen=True)
class Load:
    """An image, the memory it is loaded into (all there is when empty), and what the kernel said."""

    data: bytes
    regions: tuple[Region, ...]
    answer: Answer

    @property
    def ours(self) -> tuple[int, str | None]:
        """Errno and log line of the first segment that our loader refuses."""
        subject = ImageSubject(self.data, self._translate if self.regions else None)
        found = (failure for failure in failures(subject, _NOT_LINUX) if failure.check in SEGMENT_CHECKS)
        return next(((failure.check.errno, failure.log) for failure in found), (0, None))

    def _translate(self, da: int, size: int) -> bool:
        return any(one.da <= da and da + size <= one.da + one.size for one in self.regions)


def _headers_are_cut(load: Load) -> bool:
    header = ElfHeader(load.data)
    end = header.phoff + header.phnum * header.program_header_bytes
    return end > len(load.data)


def _sum_wraps(load: Load) -> bool:
    segments = ElfHeader(load.data).segments()
    return any(segment.offset + segment.filesz >= 1 << 64 for segment in segments if segment.is_loaded)


def _is_far_away(load: Load) -> bool:
    segments = [segment for segment in ElfHeader(load.data).segments() if segment.is_loaded]
    places = [(segment.paddr, segment.memsz, region.da) for segment in segments for region in load.regions]
    return any(abs(paddr - da) >= _FAR or memsz >= _FAR for paddr, memsz, da in places)


#: Known differences: words of their rows in docs/linux-facts.md, and where they apply.
TOLERATED: dict[str, Callable[[Load], bool]] = {
    "program headers behind its end are read": _headers_are_cut,
    "is a u64 sum that wraps and then passes": _sum_wraps,
    "a 64-bit address aliases one below 4 GiB": _is_far_away,
}

#: The row of the one difference in requests for memory.
FAR_REQUESTS = "distances from 2 GiB on pass or fail by chance"


def requests(count: int, seed: str) -> Iterator[RegionQuery]:
    """Yield requests round the limits of the registered region."""
    chance = random.Random(seed)
    steps = (-0x1001, -0x1000, -1, 0, 1, 0x1000, 0x1001)
    for _ in range(count):
        da = chance.choice((0, 0x1000, 0x10000000, 0x7FFFF000, 0xFFFFF000, ADDR_ANY, chance.getrandbits(32)))
        size = chance.choice((0, 1, 0x1000, 0x100000, chance.getrandbits(32)))
        wanted_size = size + chance.choice(steps)
        wanted_da = chance.choice((da, da + size, ADDR_ANY - chance.choice(steps))) + chance.choice(steps)
        if chance.random() < 0.2:
            wanted_da = ADDR_ANY
        wanted = Region("", wanted_da % (1 << 32), wanted_size % (1 << 32))
        yield RegionQuery(Region("", da, size), wanted)


def answer_of(query: RegionQuery) -> tuple[int, str | None]:
    """Return errno and log line of our answer to a request; its callers make Linux's EINVAL an ENOMEM."""
    known, wanted = query.registered, query.wanted
    try:
        check_region(wanted.da, wanted.size, known.da, known.size)
    except LoaderError as error:
        return error.errno or 0, error.log
    return 0, None


def are_far(query: RegionQuery) -> bool:
    """Whether the distance between the two is one that Linux gets wrong."""
    return is_far(query.wanted.da, query.wanted.size, query.registered.da)


def is_far(da: int, size: int, known_da: int) -> bool:
    """Whether Linux gets the distance of a request from the registered region wrong."""
    distance = da - known_da
    return ADDR_ANY not in (da, known_da) and (abs(distance) >= _FAR or distance + size >= 1 << 32)
