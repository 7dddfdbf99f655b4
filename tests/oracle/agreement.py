# SPDX-License-Identifier: Apache-2.0
"""What a kernel says to a file, what the validator says for it, and where the two may differ.

Nothing is tolerated but what TOLERATED names; each has its row in docs/linux-facts.md.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing import get_context

from resource_tables import MemoryMap, Profile, Report, Severity, load_profile, validate
from resource_tables import Region as MapRegion
from resource_tables.checks_elf import IMAGE_CHECKS
from resource_tables.checks_table import significant_name
from resource_tables.checks_vdev import VringSubject
from resource_tables.elf_header import TABLE_SECTION_NAME, ElfHeader
from resource_tables.model import RSC_CARVEOUT, RSC_VDEV, vring_name
from resource_tables.sizes import page_round, vring_bytes
from resource_tables.view import HEADER_BYTES, EntryView, TableView
from tests.oracle.ask import Answer, Oracle, Query, Region, Seen, Stage
from tests.oracle.loading import FAR_REQUESTS, is_far
from tests.oracle.mutate import mutants

#: Rules whose errors mean that Linux boots without a virtio device.
LOSES_VDEV = ("V38", "V39", "V55")
_EMPTY_RING = "invalid qsz"
_CHUNK = 2500
_AT_NOTIFYID = 12
_VDEV_COUNTS_END = 28


@dataclass(frozen=True)
class Case:
    """One file and the two opinions of it."""

    kernel: str
    data: bytes
    answer: Answer
    report: Report
    regions: tuple[Region, ...] = ()

    @property
    def verdicts(self) -> tuple[tuple[bool, int, str | None], tuple[bool, int, str | None]]:
        """Accepted, errno and log line: the kernel's, ours."""
        linux = (self.answer.stage is Stage.ACCEPTED, self.answer.errno, self.answer.log)
        verdict = self.report.verdict
        return linux, (verdict.word == "accepted", verdict.errno or 0, verdict.log)

    @property
    def losses(self) -> tuple[bool, bool]:
        """Whether a device is lost: by the kernel, by our findings, which have its line for an empty ring."""
        errors = [finding for finding in self.report.findings if finding.severity is Severity.ERROR]
        lost = [finding.message for finding in errors if finding.rule in LOSES_VDEV]
        line = self.answer.lost_log or ""
        return bool(self.answer.lost), bool(lost) and (line in lost or not line.startswith(_EMPTY_RING))

    @property
    def differs(self) -> bool:
        """Whether the two say different things; what a refused image would lose nobody asks."""
        linux, ours = self.verdicts
        return linux != ours or (linux[0] and self.losses[0] != self.losses[1])

    @property
    def table(self) -> TableView | None:
        """The table, where the file has one that can be read."""
        section = ElfHeader(self.data).find_section(TABLE_SECTION_NAME)
        if section is None or section.size < HEADER_BYTES or section.offset + section.size > len(self.data):
            return None
        return TableView(self.data[section.offset : section.offset + section.size])


@dataclass(frozen=True)
class Tolerance:
    """A difference that is known: ``row`` are words of its row in docs/linux-facts.md."""

    name: str
    row: str
    applies: Callable[[Case], bool]


def _headers_are_cut(case: Case) -> bool:
    """Of 6.1, which does not look; our answer is that there is no table."""
    header = ElfHeader(case.data)
    unseen = [check for check in IMAGE_CHECKS if check.id in ("elf-shoff", "elf-shnum", "elf-shstrndx")]
    cut = any(check.apply(header) is not None for check in unseen)
    return case.kernel == "6.1" and cut and case.report.verdict.word == "no-table"


def _reads_anywhere(case: Case) -> bool:
    """The kernel came to an address where nothing is, or to the bytes before the file."""
    return bool(case.answer.seen & Seen.READS_ANYWHERE)


def _writes_over_entries(case: Case) -> bool:
    """The notify id of a vring lies in another entry, or in the offset array."""
    if case.table is None:
        return False
    entries = [entry for entry in case.table if entry.avail >= 0]
    end_of_offsets = HEADER_BYTES + 4 * case.table.num
    return any(
        at < end_of_offsets or any(_covers(other, at) for other in entries if other.offset != entry.offset)
        for entry in entries
        for at in _notify_ids(entry)
    )


def _notify_ids(entry: EntryView) -> list[int]:
    """Return where Linux writes the ids of a vdev."""
    if entry.type != RSC_VDEV or not entry.fits:
        return []
    places = (entry.vring_position(vring) for vring in range(entry.num_of_vrings))
    return [entry.offset + 4 + place + _AT_NOTIFYID for place in places]


def _covers(entry: EntryView, at: int) -> bool:
    # Of an entry that does not fit, Linux reads the type and perhaps the counts of a vdev.
    size = 4 + entry.payload_bytes if entry.fits else _VDEV_COUNTS_END
    return entry.offset - 4 < at < entry.offset + size


def _requests(case: Case) -> Iterator[tuple[int, int, int]]:
    """Yield the da and size that are asked of memory with a name, and the da of that memory.

    Of a ring and the carveout of its name, either may come first.
    """
    entries = [entry for entry in case.table or () if entry.fits]
    named = [(significant_name(entry), entry) for entry in entries if entry.type == RSC_CARVEOUT]
    carveouts = [(name, entry.u32(0), entry.u32(8)) for name, entry in named]
    registered = [(one.name.encode(), one.da) for one in case.regions]
    yield from ((da, size, at) for name, da, size in carveouts for other, at in registered if name == other)
    for name, ring in _rings(entries):
        size = page_round(vring_bytes(ring.num, ring.align))
        yield from ((ring.da, size, at) for other, at in registered if name == other)
        yield from ((ring.da, size, da) for other, da, _ in carveouts if name == other)
        yield from ((da, length, ring.da) for other, da, length in carveouts if name == other)


def _rings(entries: Sequence[EntryView]) -> Iterator[tuple[bytes, VringSubject]]:
    vdevs = [entry for entry in entries if entry.type == RSC_VDEV]
    for index, vdev in enumerate(vdevs):
        for number in range(vdev.num_of_vrings):
            yield vring_name(index, number).encode(), VringSubject(vdev, number)


def _is_far(case: Case) -> bool:
    """What is asked for lies 2 GiB away from the memory of its name, or ends beyond 4 GiB from there."""
    return any(is_far(da, size, at) for da, size, at in _requests(case))


def _ring_wraps(case: Case) -> bool:
    """A ring with memory of its name is so large that its size is no number of 32 bits."""
    return any(size >= 1 << 32 for _, size, _ in _requests(case))


#: In the order in which they are asked.
TOLERATED: tuple[Tolerance, ...] = (
    Tolerance(
        "headers are cut",
        "the section headers' end and the name table's header are not checked",
        _headers_are_cut,
    ),
    Tolerance(
        "reads anywhere",
        "neither a section's name offset nor the offset of the name table is bounded",
        _reads_anywhere,
    ),
    Tolerance(
        "writes over entries",
        "notify ids are written while later entries are still to be read",
        _writes_over_entries,
    ),
    Tolerance("distances", FAR_REQUESTS, _is_far),
    Tolerance("sizes of rings", "the size of a ring is a 32-bit number", _ring_wraps),
)


@dataclass
class Tally:
    """What came of many cases."""

    cases: int = 0
    accepted: int = 0
    lost: int = 0
    tolerated: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, case: Case) -> None:
        """Count one case; a difference that nothing tolerates is kept with its file."""
        self.cases += 1
        self.accepted += case.answer.stage is Stage.ACCEPTED
        self.lost += bool(case.answer.lost)
        if not case.differs:
            return
        tolerance = next((one for one in TOLERATED if one.applies(case)), None)
        if tolerance is not None:
            self.tolerated[tolerance.name] += 1
        else:
            linux, ours = case.verdicts
            told = f"Linux {case.kernel}: {linux}, lost {case.losses[0]}; here: {ours}, lost {case.losses[1]}"
            self.differences.append(f"{told}: {case.data.hex()}")

    def merge(self, other: "Tally") -> None:
        """Take in the counts of another."""
        self.cases += other.cases
        self.accepted += other.accepted
        self.lost += other.lost
        self.tolerated += other.tolerated
        self.differences += other.differences

    def __str__(self) -> str:
        known = ", ".join(f"{name}: {count}" for name, count in sorted(self.tolerated.items())) or "none"
        return (
            f"{self.cases} files, {self.accepted} accepted, {self.lost} lose a virtio device; "
            f"{len(self.differences)} differences, tolerated: {known}"
        )


@dataclass(frozen=True)
class Target:
    """What is known of the target: an IOMMU or none, and what its driver registers before the boot."""

    iommu: bool = True
    regions: tuple[Region, ...] = ()

    @property
    def memory_map(self) -> MemoryMap | None:
        """The same for the validator."""
        if not self.regions:
            return None
        pieces = (MapRegion(one.name, one.da, one.da, one.size, "reserved") for one in self.regions)
        return MemoryMap(tuple(pieces), "oracle")


@cache
def profile_of(kernel: str, iommu: bool) -> Profile:
    """Return the project's profile of that kernel, for a target of which the IOMMU is known."""
    return replace(load_profile(f"linux-{kernel}"), iommu=iommu)


def compare(kernel: str, files: Iterable[bytes], target: Target = Target()) -> Tally:
    """Ask the kernel and the validator about each file."""
    known = list(files)
    tally = Tally()
    queries = (Query(data, iommu=target.iommu, regions=target.regions) for data in known)
    for data, answer in zip(known, Oracle(kernel).ask(queries), strict=True):
        report = validate(
            data, profile=profile_of(kernel, target.iommu), memory_map=target.memory_map, raw=False
        )
        tally.add(Case(kernel, data, answer, report, target.regions))
    return tally


def compare_mutants(
    kernel: str, files: Sequence[bytes], count: int, seed: str, target: Target = Target()
) -> Tally:
    """Compare ``count`` mutants of the files on all CPUs; the same seed gives the same ones."""
    Oracle(kernel)  # built once, not by every worker
    chunks = [min(_CHUNK, count - begin) for begin in range(0, count, _CHUNK)]
    tally = Tally()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as workers:
        jobs = [
            workers.submit(_compare_chunk, kernel, files, size, f"{seed}/{number}", target)
            for number, size in enumerate(chunks)
        ]
        for job in jobs:
            tally.merge(job.result())
    return tally


def _compare_chunk(kernel: str, files: Sequence[bytes], count: int, seed: str, target: Target) -> Tally:
    return compare(kernel, mutants(files, count, seed), target)
