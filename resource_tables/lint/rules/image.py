# SPDX-License-Identifier: Apache-2.0
"""The rules on an image as a whole, X01 to X04, X15, X17 and X18: headers, entry point, machine, memory.

Source: Linux remoteproc_elf_loader.c: rproc_elf_sanity_check, rproc_elf_get_boot_addr; System V ABI, chapter
"Object Files".
"""

from collections.abc import Iterator

from resource_tables.elf_header import ElfHeader
from resource_tables.lint.rules import segments
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.elf_fields import header_spot
from resource_tables.lint.rules.homes import ID_RPMSG
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.sizes import buffers_bytes, page_round, pool_bytes

_SANITY = "remoteproc_elf_loader.c: rproc_elf_sanity_check"

_PN_XNUM = 0xFFFF
_SHN_XINDEX = 0xFFFF
_PF_X = 1
#: Memory that a platform driver hands out; tcm and rom are nobody's to allocate from.
_ALLOCATED_FROM = "reserved"


def _extended(context: Context) -> Iterator[Spot]:
    header = context.header
    if header is None:
        return
    if header.phnum == _PN_XNUM:
        yield header_spot(context, "e_phnum", "e_phnum 0xffff says that section header 0 has the number")
    if header.shnum == 0 and header.shoff != 0:
        yield header_spot(context, "e_shnum", "e_shnum 0 says that section header 0 has the number")
    if header.shstrndx == _SHN_XINDEX:
        yield header_spot(context, "e_shstrndx", "e_shstrndx 0xffff says that section header 0 has the index")


def _entry_outside(context: Context) -> Iterator[Spot]:
    header = context.header
    # 0 is what a linker writes that was told of no entry point: such a core starts where it always starts.
    if header is None or header.entry == 0 or not segments.are_known(context):
        return
    if not _is_executable(context, header):
        yield header_spot(context, "e_entry", f"e_entry {header.entry:#x} lies in no executable segment")


def _is_executable(context: Context, header: ElfHeader) -> bool:
    for _, segment in context.segments:
        starts = (segment.vaddr, segment.paddr) if segment.flags & _PF_X else ()
        if any(start <= header.entry < start + segment.memsz for start in starts):
            return True
    return False


def _other_machine(context: Context) -> Iterator[Spot]:
    header, profile = context.header, context.profile
    if header is not None and profile.machines and header.machine not in profile.machines:
        wanted = " or ".join(str(machine) for machine in profile.machines)
        yield header_spot(context, "e_machine", f"e_machine is {header.machine}, {profile.name} has {wanted}")


def _demand(context: Context) -> int:
    """Return the bytes that all carveouts, rings and buffers without memory of their own name take."""
    homes = context.homes
    loose = (carveout for carveout in context.carveouts if homes.region(carveout.text) is None)
    total = sum(page_round(carveout.size) for carveout in loose)
    total += sum(page_round(r.size) for r in context.vrings if r.is_usable and homes.of_ring(r) is None)
    for vdev in context.vdevs:
        if vdev.id == ID_RPMSG and vdev.vrings and homes.of_buffers(vdev) is None:
            total += pool_bytes(buffers_bytes(vdev.vrings[0].num))
    return total


def _too_much(context: Context) -> Iterator[Spot]:
    memory = context.memory
    if memory is None or context.table is None:
        return
    names = {ring.name for ring in context.vrings} | {vdev.buffer_name for vdev in context.vdevs}
    names |= {carveout.text for carveout in context.carveouts}
    free = [r.size for r in memory.regions if r.kind == _ALLOCATED_FROM and r.name not in names]
    demand = _demand(context)
    if free and demand > sum(free):
        message = f"carveouts, rings and buffers take {demand:#x} bytes, {sum(free):#x} are reserved"
        yield Spot(message=message, offset=0, size=16)


RULES = (
    Rule(
        id="X01",
        title="elf-header",
        severity=Severity.ERROR,
        reason="Linux loads little-endian ELF32 and ELF64 files that have at least one program header.",
        source=_SANITY,
        hint="Give the linked ELF file, not an object file, a raw binary, a hex file or an archive.",
        checks=("elf-size", "elf-magic", "elf-class", "elf64-size", "elf-endianness", "elf-phnum"),
    ),
    Rule(
        id="X02",
        title="elf-sections",
        severity=Severity.WARNING,
        reason="Section headers that reach past the end of the file are refused; older kernels read on "
        "behind it.",
        source=_SANITY,
        hint="The file was cut off or stripped by hand: copy or build it again.",
        checks=("elf-shoff", "elf-shnum", "elf-shstrndx", "elf-section-header"),
    ),
    Rule(
        id="X03",
        title="elf-program-headers",
        severity=Severity.WARNING,
        reason="Linux checks where the program headers begin, and reads those behind the end of the file.",
        source=_SANITY,
        hint="The file was cut off: copy or build it again.",
        checks=("elf-phoff", "elf-phdrs"),
    ),
    Rule(
        id="X04",
        title="elf-extended-numbers",
        severity=Severity.WARNING,
        reason="Linux takes the three counts of the file header as they are and does not know the numbers "
        "that mean: look in section header 0.",
        source="remoteproc_elf_loader.c: find_table, rproc_elf_load_segments; System V ABI, Object Files",
        hint="Strip the image: only one with tens of thousands of sections or segments is numbered so.",
        function=_extended,
    ),
    Rule(
        id="X15",
        title="entry-point",
        severity=Severity.WARNING,
        reason="Linux hands the entry point to the platform's driver without a look at where it lies.",
        source="remoteproc_elf_loader.c: rproc_elf_get_boot_addr",
        hint="Name the entry point to the linker (ENTRY or -e), or leave it 0.",
        function=_entry_outside,
    ),
    Rule(
        id="X17",
        title="machine",
        severity=Severity.INFO,
        reason="Linux does not look at the machine and loads an image of any other core.",
        source=f"{_SANITY} (which leaves it out)",
        hint="Choose the profile of the core the image is for, or build it for this one.",
        function=_other_machine,
    ),
    Rule(
        id="X18",
        title="memory-total",
        severity=Severity.INFO,
        reason="What has no memory of its own name comes from what is reserved for the core; where that is "
        "too little, the boot ends with ENOMEM or there is no rpmsg.",
        source="remoteproc_core.c: rproc_alloc_carveout; kernel/dma/coherent.c: __dma_alloc_from_coherent",
        hint="Reserve more memory, or use fewer descriptors; buffers take a power-of-two number of pages.",
        function=_too_much,
        needs_map=True,
    ),
)
