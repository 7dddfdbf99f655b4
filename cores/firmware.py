# SPDX-License-Identifier: Apache-2.0
"""Firmware files of cores that run natively: finding them, and whether this machine can run them."""

import errno
import io
import os
import platform
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from cores.errors import CoreFirmwareError, CoreFirmwareMissingError
from resource_tables import ElfImage

MAX_BYTES = 256 << 20
ABI_SYMBOL = "ecu_get_ops"
#: Where Linux keeps the same rules.
_SOURCE = "firmware_loader/main.c: request_firmware"

ET_EXEC, ET_DYN, PT_INTERP = 2, 3, 3
_DF_1_PIE = 0x0800_0000
_MACHINES = {"x86_64": 62, "aarch64": 183}
_MACHINE_NAMES = {
    3: "x86 (32 bits)",
    40: "ARM (32 bits)",
    62: "x86-64",
    94: "Xtensa",
    113: "Nios II",
    144: "TI PRU",
    183: "AArch64",
    189: "MicroBlaze",
    243: "RISC-V",
}


def find_firmware(name: str, search: Path) -> Path:
    """Return the path of a bare file name in ``search``; nothing leads out of that folder."""
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        raise CoreFirmwareError(
            errno.EINVAL,
            f"firmware name {name!r} is no bare file name",
            hint="put the folder into firmware_path and the file's name into firmware",
            rule="fw-name",
            source=_SOURCE,
        )
    return search / name


def read_firmware(name: str, search: Path) -> bytes:
    """Return the bytes of a firmware file (Linux: request_firmware). Raises CoreFirmwareError.

    Regular files only, at most 256 MiB. Thread safety: any thread.
    """
    path = find_firmware(name, search)
    try:
        # A FIFO of that name must not block the boot.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _open_error(path, error) from None
    # First: a folder opens as well, and no file object can be made of one.
    with ExitStack() as opened:
        opened.callback(os.close, fd)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise CoreFirmwareError(
                errno.EINVAL,
                "firmware is no regular file",
                hint="name the file itself, not a folder, device or pipe",
                rule="fw-regular",
                source=_SOURCE,
                file=path,
            )
        with os.fdopen(fd, "rb", closefd=False) as file:
            # The buffer of a read is as large as what is asked for, so not the limit.
            data = file.read(min(status.st_size, MAX_BYTES) + 1)
    if len(data) > MAX_BYTES:
        raise CoreFirmwareError(
            errno.EFBIG,
            f"firmware is larger than {MAX_BYTES >> 20} MiB",
            hint="strip it, and let the core read large data from elsewhere",
            rule="fw-large",
            source=_SOURCE,
            file=path,
        )
    return data


def check_readable(path: Path) -> None:
    """Raise CoreFirmwareError unless the path is a regular file that this user may read."""
    read_firmware(path.name, path.parent)


def _open_error(path: Path, error: OSError) -> CoreFirmwareError:
    if isinstance(error, FileNotFoundError):
        return CoreFirmwareMissingError(
            errno.ENOENT,
            "no such firmware",
            hint=_neighbours(path.parent),
            rule="fw-missing",
            source=_SOURCE,
            file=path,
        )
    return CoreFirmwareError(
        error.errno or errno.EIO,
        f"firmware cannot be read: {error.strerror}",
        hint="look at the permissions of the file and of its folders",
        rule="fw-unreadable",
        source=_SOURCE,
        file=path,
    )


def _neighbours(search: Path) -> str:
    """Say what could have been meant; the folder itself stands in the error's ``filename``."""
    try:
        found = sorted(path.name for path in search.iterdir() if path.is_file())[:8]
    except OSError as error:
        return f"firmware_path must be a folder that can be read: {error.strerror}"
    if not found:
        return "its folder holds no files: correct firmware_path, or build the firmware"
    return f"use one that is there: {', '.join(found)}"


def check_machine(image: ElfImage, kind: str) -> None:
    """Raise CoreFirmwareError (ENOEXEC) unless the image is 64 bits of this machine's processor."""
    if image.machine != _MACHINES.get(platform.machine(), -1):
        rule = "fw-machine"
    elif image.elf_class != 64:
        rule = "fw-class"
    else:
        return
    name = _MACHINE_NAMES.get(image.machine, f"machine {image.machine}")
    raise CoreFirmwareError(
        errno.ENOEXEC,
        f"firmware is ELF{image.elf_class} for {name}, "
        f"a core of kind {kind} runs natively: ELF64 for {platform.machine()}",
        hint="build the ECU with the host's compiler; cross-compiled firmware needs an emulated core",
        rule=rule,
    )


def is_executable(image: ElfImage) -> bool:
    """Whether it is a program rather than a shared object."""
    if image.type == ET_EXEC or any(segment.type == PT_INTERP for segment in image.segments):
        return image.type in (ET_EXEC, ET_DYN)
    return image.type == ET_DYN and dynamic_info(image).is_pie


@dataclass(frozen=True, slots=True)
class DynamicInfo:
    """What the dynamic linker will see. Thread safety: immutable."""

    is_pie: bool = False
    has_abi_symbol: bool = False
    unique_symbols: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    runpath: str = ""


def dynamic_info(image: ElfImage) -> DynamicInfo:
    """Read the dynamic section and symbols; raises CoreFirmwareError (ENOEXEC) when they are broken."""
    try:
        return _dynamic_info(image.data)
    except Exception as error:
        # The parser raises whatever its arithmetic on untrusted offsets happens to hit.
        raise CoreFirmwareError(
            errno.ENOEXEC,
            f"the dynamic section of the firmware cannot be read: {error}",
            hint="the file is damaged: copy or build it again",
            rule="fw-dynamic",
        ) from None


def _dynamic_info(data: bytes) -> DynamicInfo:
    elf = ELFFile(io.BytesIO(data))
    symbols: Any = elf.get_section_by_name(".dynsym")
    names, unique = set(), []
    for symbol in symbols.iter_symbols() if symbols is not None else ():
        if symbol.entry.st_shndx == "SHN_UNDEF":
            continue
        names.add(symbol.name)
        if symbol.entry.st_info.bind == "STB_LOOS":  # 10, which GNU uses for STB_GNU_UNIQUE
            unique.append(symbol.name)
    flags, needed, runpath = 0, [], ""
    dynamic: Any = elf.get_section_by_name(".dynamic")
    for tag in dynamic.iter_tags() if dynamic is not None else ():
        if tag.entry.d_tag == "DT_FLAGS_1":
            flags = tag.entry.d_val
        elif tag.entry.d_tag == "DT_NEEDED":
            needed.append(tag.needed)
        elif tag.entry.d_tag in ("DT_RUNPATH", "DT_RPATH"):
            runpath = tag.runpath if tag.entry.d_tag == "DT_RUNPATH" else tag.rpath
    return DynamicInfo(
        bool(flags & _DF_1_PIE), ABI_SYMBOL in names, tuple(sorted(unique)), tuple(needed), runpath
    )
