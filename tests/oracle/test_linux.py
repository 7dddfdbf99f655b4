# SPDX-License-Identifier: Apache-2.0
"""The validator's verdict is the kernel's: its loader is compiled from Debian's source packages and asked.

Needs what `tools/setup oracle` installs, so only `make test-oracle` runs it. RPROC_ORACLE_MUTANTS (100000) is
the number of changed files, which every kernel is asked about; RPROC_ORACLE_SEED (1) makes other ones.
"""

import errno
import os
import re
import struct
from collections import Counter
from pathlib import Path

import pytest

from resource_tables import ADDR_ANY, CHECKS, SegmentSpec, elf_image, validate
from resource_tables.elf_header import ElfHeader
from tests.corpus import broken, change
from tests.corpus.files import images
from tests.oracle.agreement import (
    TOLERATED,
    Case,
    Tally,
    Target,
    Tolerance,
    compare,
    compare_mutants,
    profile_of,
)
from tests.oracle.ask import Oracle, Query, Region, Seen, Stage
from tests.oracle.linux_source import KERNELS, NoSourceError, cut
from tests.oracle.loading import FAR_REQUESTS, Load, answer_of, are_far, requests
from tests.oracle.loading import TOLERATED as LOAD_TOLERATED
from tests.oracle.mutate import mutants
from tests.resource_tables.strategies import raw_carveout, raw_table, raw_vdev, raw_vring

pytestmark = [pytest.mark.oracle, pytest.mark.linux_source]

ROOT = Path(__file__).resolve().parents[2]
FACTS = (ROOT / "docs" / "linux-facts.md").read_text(encoding="utf-8")
MUTANTS = int(os.environ.get("RPROC_ORACLE_MUTANTS", "100000"))
SEED = os.environ.get("RPROC_ORACLE_SEED", "1")
#: So that a run that hangs or differs says so soon.
PARTS = 4
#: For questions that do not need so many.
SOME = 10000
CORPUS = tuple(images())
REGIONS = (Region("low", 0, 0x10000), Region("sram", 0x10000000, 0x40000), Region("ddr", 0x80000000, 1 << 30))

#: Regions with names that the corpus has, each too small, elsewhere or anywhere for some of its files.
NAMED = (
    Region("vdev0vring0", 0x10000, 0x3000),
    Region("vdev0vring1", ADDR_ANY, 0x3000),
    Region("vdev1vring0", 0x20000, 0x1000),
    Region("code", 0x1000, 0x10000),
    Region("a", ADDR_ANY, 0x1000),
    Region("shmem1", 0x1000, 0x1000),
)
TARGETS = {"IOMMU": Target(), "no IOMMU": Target(iommu=False), "regions": Target(regions=NAMED)}

kernels = pytest.mark.parametrize("kernel", KERNELS)


def report(what: str, tally: Tally) -> None:
    """Print what was compared; fail for a difference that nothing tolerates."""
    print(f"\noracle: {what}: {tally}")
    assert tally.differences == [], "\n".join(tally.differences[:5])


@kernels
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_verdict_on_every_file_of_the_corpus_is_the_kernels(kernel: str, target: Target) -> None:
    report(f"Linux {kernel}, corpus", compare(kernel, CORPUS, target))


@kernels
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(600)
def test_the_verdict_on_files_with_changed_fields_is_the_kernels(kernel: str, part: int) -> None:
    tally = compare_mutants(kernel, CORPUS, MUTANTS // PARTS, f"{SEED}/{part}")
    report(f"Linux {kernel}, mutants, part {part}", tally)
    # Neither all refused nor all accepted, and devices lost: the files ask what they are meant to ask.
    assert tally.cases == MUTANTS // PARTS
    assert tally.cases // 5 < tally.accepted < tally.cases * 4 // 5
    assert tally.lost > tally.cases // 1000


@kernels
@pytest.mark.parametrize("name", ["no IOMMU", "regions"])
def test_the_verdict_for_another_target_is_the_kernels(kernel: str, name: str) -> None:
    report(f"Linux {kernel}, {name}", compare_mutants(kernel, CORPUS, SOME, SEED, TARGETS[name]))


@kernels
def test_the_corpus_reaches_every_stage_and_every_line_of_a_refusal(kernel: str) -> None:
    answers = list(Oracle(kernel).ask(Query(data) for data in CORPUS))
    assert {answer.stage for answer in answers} == set(Stage)
    profile = profile_of(kernel, True)
    expected = {
        check.log.partition(":")[0]
        for check in CHECKS
        if check.log is not None
        and profile.refuses(check.id, check.kernel)
        and check.applies_to not in ("segment", "region")
        and not check.swallowed
    }
    assert {answer.log.partition(":")[0] for answer in answers if answer.log is not None} == expected


@kernels
def test_a_table_larger_than_the_kernel_copies_is_out_of_memory_for_both(kernel: str) -> None:
    table = struct.pack("<4I", 1, 0, 0, 0)
    limit = 4 << 20
    files = [elf_image(table.ljust(size, b"\0")) for size in (limit, limit + 1)]
    assert [answer.errno for answer in Oracle(kernel).ask(map(Query, files))] == [0, errno.ENOMEM]
    report(f"Linux {kernel}, large tables", compare(kernel, files))


@kernels
@pytest.mark.parametrize("regions", [(), REGIONS], ids=["all memory", "three regions"])
def test_the_first_segment_that_is_refused_is_the_kernels(kernel: str, regions: tuple[Region, ...]) -> None:
    files = [*CORPUS, *mutants(CORPUS, SOME, SEED)]
    refused = 0
    for data, answer in zip(files, Oracle(kernel).ask(Query(d, regions=regions) for d in files), strict=True):
        if answer.stage is Stage.SANITY or Seen.READS_ANYWHERE in answer.seen:
            continue
        load = Load(data, regions, answer)
        refused += bool(answer.load_errno)
        if load.ours != (answer.load_errno, answer.load_log):
            assert any(applies(load) for applies in LOAD_TOLERATED.values()), data.hex()
    assert refused > len(files) // 100


@kernels
def test_a_request_for_registered_memory_gets_the_kernels_answer(kernel: str) -> None:
    asked = list(requests(2 * SOME, SEED))
    different: Counter[str] = Counter()
    for query, answer in zip(asked, Oracle(kernel).ask(asked), strict=True):
        # Both callers of rproc_check_carveout_da make its EINVAL an ENOMEM.
        theirs = (errno.ENOMEM if answer.errno else 0, answer.log)
        if answer_of(query) != theirs:
            assert are_far(query), query
            different[FAR_REQUESTS] += 1
    assert different[FAR_REQUESTS] > 0
    assert FAR_REQUESTS in FACTS


@kernels
def test_the_kernel_compiled_with_the_address_sanitizer_says_the_same(kernel: str) -> None:
    queries = [Query(data) for data in (*CORPUS, *mutants(CORPUS, SOME, SEED))]
    assert list(Oracle(kernel, sanitized=True).ask(queries)) == list(Oracle(kernel).ask(queries))


# ---- what is tolerated -----------------------------------------------------------------------------------


def _wide(raw: bytes) -> bytes:
    return elf_image(raw, table_addr=0x2000, segments=(SegmentSpec(paddr=0x1000, data=bytes(64)),))


def _trace_over_ring() -> bytes:
    """Return a table whose trace begins at the first vring of its vdev: its reserved word is an id."""
    entry = struct.pack("<6IBBH", 3, 7, 0, 1, 0, 0, 0, 2, 0) + struct.pack("<5I", 2, 16, 256, 99, 0)
    head = struct.pack("<6I", 1, 2, 0, 0, 24, 24 + 28)
    return head + entry + struct.pack("<5I", 0xFFFFFFFF, 16, 256, 1, 0).ljust(40, b"\0")


def _carveout_for_ring(ring_da: int, num: int, *, da: int) -> bytes:
    """Return a table with a vdev and, behind it, a carveout of 64 KiB for its ring."""
    return raw_table(
        raw_vdev(raw_vring(num, 4096, ring_da)), raw_carveout(b"vdev0vring0", da=da, size=0x10000)
    )


#: By the name of a tolerance: a kernel, and a file of which it says something else than we do.
EXAMPLES = {
    # The header of the name table lies in the file as far as it is read.
    "headers are cut": ("6.1", broken.GOOD[:-10]),
    "reads anywhere": ("6.12", change.section(_wide(raw_table()), 2, offset=1 << 63)),
    "writes over entries": ("6.12", _wide(_trace_over_ring())),
    "distances": ("6.12", _wide(_carveout_for_ring(0x90000000, 4096, da=0x1000))),
    "sizes of rings": ("6.12", _wide(_carveout_for_ring(ADDR_ANY, 1 << 31, da=ADDR_ANY))),
}


@pytest.mark.parametrize("tolerance", TOLERATED, ids=lambda one: one.name)
def test_a_tolerance_is_needed_and_has_its_row_in_the_facts(tolerance: Tolerance) -> None:
    kernel, data = EXAMPLES[tolerance.name]
    (answer,) = Oracle(kernel).ask([Query(data)])
    case = Case(kernel, data, answer, validate(data, profile=profile_of(kernel, True)))
    assert case.differs
    assert [one.name for one in TOLERATED if one.applies(case)] == [tolerance.name]
    assert tolerance.row in FACTS


def _ends_in_a_program_header() -> bytes:
    """Return a file whose last program header lacks its alignment, which no loader reads."""
    image = _wide(raw_table())
    (first, *_) = (bytes(image[ElfHeader(image).phoff :][:56]),)
    bad = change.segment(change.header(image + first, phoff=len(image), phnum=1), 0, filesz=2, memsz=1)
    return bad[:-8]


_GOOD_WIDE = _wide(raw_table())
LOAD_EXAMPLES = {
    "program headers behind its end are read": (_ends_in_a_program_header(), ()),
    "is a u64 sum that wraps and then passes": (
        change.segment(_GOOD_WIDE, 1, offset=(1 << 64) - 16, filesz=32, memsz=32),
        (),
    ),
    "a 64-bit address aliases one below 4 GiB": (change.segment(_GOOD_WIDE, 1, paddr=1 << 32), REGIONS),
}


@pytest.mark.parametrize("row", LOAD_TOLERATED)
def test_a_tolerance_in_loading_is_needed_and_has_its_row_in_the_facts(row: str) -> None:
    data, regions = LOAD_EXAMPLES[row]
    (answer,) = Oracle("6.12").ask([Query(data, regions=regions)])
    load = Load(data, regions, answer)
    assert load.ours != (answer.load_errno, answer.load_log)
    assert [other for other, applies in LOAD_TOLERATED.items() if applies(load)] == [row]
    assert row in FACTS


# ---- the oracle itself -----------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_files_and_another_one_others() -> None:
    first, again, other = (list(mutants(CORPUS, 100, seed)) for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_a_definition_is_cut_out_whole_and_not_its_declaration() -> None:
    source = """\
static int answer(int question);

/* answer() {
 */
static int
answer(int question)
{
	if (question) {

		return 42;
	}
	return 0;
}
EXPORT_SYMBOL(answer);
"""
    assert cut(source, "answer") == source[source.index("static int\n") : source.index("EXPORT")]
    with pytest.raises(NoSourceError, match="no definition of question"):
        cut(source, "question")


def test_the_setup_installs_the_sources_of_every_kernel_that_is_asked() -> None:
    (installed,) = re.findall(
        r'^kernels="([\d. ]+)"', (ROOT / "tools" / "setup").read_text("utf-8"), re.MULTILINE
    )
    assert tuple(installed.split()) == KERNELS


def test_a_query_that_ends_the_program_is_named() -> None:
    with pytest.raises(RuntimeError, match="too large"):
        list(Oracle("6.12").ask([Query(bytes(9 << 20))]))
