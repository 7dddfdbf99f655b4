# SPDX-License-Identifier: Apache-2.0
"""Ask a kernel's loader, built by linux_source.py, what it says to firmware files: many at a time."""

import enum
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.oracle.linux_source import build

_QUERY = struct.Struct("=4I")
_REGION = struct.Struct("=2I32s")
_ANSWER = struct.Struct("=IiIIi100s100s100s")
_IMAGE, _REGION_ONLY = 0, 1
#: Queries that one process answers: a crash names one of so many.
_BATCH = 2000


class Stage(enum.IntEnum):
    """Where a boot ended (oracle.c: enum stage)."""

    SANITY = 0
    TABLE = 1
    RESOURCES = 2
    ACCEPTED = 3


class Seen(enum.IntFlag):
    """What the kernel did that its answer does not tell (oracle.c)."""

    READS_BEHIND = 1
    READS_ANYWHERE = 2
    LOAD_READS_BEHIND = 4
    LOAD_READS_ANYWHERE = 8


@dataclass(frozen=True)
class Region:
    """A carveout that a platform driver registers before the boot."""

    name: str
    da: int
    size: int

    def packed(self) -> bytes:
        """Return struct region."""
        return _REGION.pack(self.da, self.size, self.name.encode()[:31])


@dataclass(frozen=True)
class Query:
    """A firmware file and its target; without regions, all addresses are the core's memory."""

    data: bytes
    iommu: bool = True
    regions: tuple[Region, ...] = ()

    def packed(self) -> bytes:
        """Return struct query and what follows it."""
        head = _QUERY.pack(_IMAGE, self.iommu, len(self.regions), len(self.data))
        return head + b"".join(region.packed() for region in self.regions) + self.data


@dataclass(frozen=True)
class RegionQuery:
    """A request for memory and the registered region of its name: rproc_check_carveout_da."""

    registered: Region
    wanted: Region

    def packed(self) -> bytes:
        """Return struct query and its two regions."""
        return _QUERY.pack(_REGION_ONLY, 0, 2, 0) + self.registered.packed() + self.wanted.packed()


@dataclass(frozen=True)
class Answer:
    """What the kernel said; an errno is positive, 0 where nothing failed."""

    stage: Stage
    errno: int
    seen: Seen
    lost: frozenset[int]  #: vdevs, by number, whose probe failed
    load_errno: int
    log: str | None
    lost_log: str | None
    load_log: str | None

    @classmethod
    def unpack(cls, fields: tuple[int | bytes, ...]) -> "Answer":
        """Read struct answer."""
        stage, errno, seen, lost, load_errno = (int(value) for value in fields[:5])
        texts = [value for value in fields[5:] if isinstance(value, bytes)]
        logs = [text.partition(b"\0")[0].decode() or None for text in texts]
        vdevs = frozenset(bit for bit in range(32) if lost >> bit & 1)
        return cls(Stage(stage), errno, Seen(seen), vdevs, load_errno, *logs)


@dataclass
class Oracle:
    """One kernel."""

    kernel: str
    sanitized: bool = False
    program: Path = field(init=False)

    def __post_init__(self) -> None:
        self.program = build(self.kernel, sanitized=self.sanitized)

    def ask(self, queries: Iterable[Query | RegionQuery]) -> Iterator[Answer]:
        """Yield the answers in order; raises RuntimeError for a query that ends the program."""
        waiting = iter(queries)
        while batch := list(islice(waiting, _BATCH)):
            yield from self._answers(batch)

    def _answers(self, batch: Sequence[Query | RegionQuery]) -> list[Answer]:
        # The program has a handler of its own for reads outside the file.
        environment = {"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:detect_leaks=0"}
        told = b"".join(query.packed() for query in batch)
        result = subprocess.run(
            [self.program], input=told, capture_output=True, env=environment, timeout=300, check=False
        )
        whole = len(result.stdout) // _ANSWER.size * _ANSWER.size
        found = list(_ANSWER.iter_unpack(result.stdout[:whole]))
        if result.returncode != 0 or len(found) != len(batch):
            said = result.stderr.decode(errors="replace")[-4000:]
            query = batch[min(len(found), len(batch) - 1)]
            raise RuntimeError(f"{self.program.name} ended with {result.returncode} at {query!r}: {said}")
        return [Answer.unpack(fields) for fields in found]
