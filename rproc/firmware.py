# SPDX-License-Identifier: Apache-2.0
"""Loading an image into the memory of a core, and finding the table there.

Source: Linux remoteproc_elf_loader.c (rproc_elf_load_segments, rproc_elf_find_loaded_rsc_table).
"""

from collections.abc import Callable

from resource_tables import ElfImage, check_image, check_segment
from virtio import SharedMemory

#: Says whether [da, da + size) lies in one carveout.
Translate = Callable[[int, int], bool]


def table_of(image: ElfImage) -> bytes:
    """Return the bytes of the image's table, exactly sh_size of them; LoaderError when there are none.

    Thread safety: any thread.
    """
    check_image(image)
    return image.table_bytes or b""


def load_segments(image: ElfImage, memory: SharedMemory, translate: Translate) -> None:
    """Copy every PT_LOAD to its p_paddr and zero what the file does not fill, in file order.

    ``translate(da, size)`` says whether a range lies in one carveout. Raises LoaderError at the first bad
    segment; as in Linux those before it stay written. Thread safety: none; the caller serialises.
    """
    for index, segment in enumerate(image.segments):
        check_segment(image, index, translate)
        if not segment.is_loaded:
            continue
        target = memory.view(segment.paddr, segment.memsz)
        target[: segment.filesz] = image.data[segment.offset : segment.offset + segment.filesz]
        target[segment.filesz :] = bytes(segment.memsz - segment.filesz)


def loaded_table(image: ElfImage, memory: SharedMemory, translate: Translate) -> memoryview | None:
    """Return the memory at sh_addr, where the core expects the table; None when no carveout contains it.

    That need not be where its segment was loaded to: Linux writes the table there all the same.
    Thread safety: any thread.
    """
    section = image.table_section
    if section is None or not translate(section.addr, section.size):
        return None
    return memory.view(section.addr, section.size)
