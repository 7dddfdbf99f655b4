# SPDX-License-Identifier: Apache-2.0
"""Build an oracle for a kernel: the loader's functions, cut out of Debian's source package and compiled.

All of it happens in build/oracle/; nothing of Linux is part of this project.
"""

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "oracle"
PACKAGES = Path("/usr/src")

KERNELS = ("6.1", "6.12")

#: What is taken as a whole, and where it goes: a header of <linux/...> must be found as one.
_WHOLE = {
    "include/linux/remoteproc.h": "linux/remoteproc.h",
    "include/linux/rsc_table.h": "linux/rsc_table.h",
    "drivers/remoteproc/remoteproc_internal.h": "remoteproc_internal.h",
    "drivers/remoteproc/remoteproc_elf_helpers.h": "remoteproc_elf_helpers.h",
    "drivers/remoteproc/remoteproc_elf_loader.c": "remoteproc_elf_loader.c",
}
_CORE = "drivers/remoteproc/remoteproc_core.c"
_VIRTIO = "drivers/remoteproc/remoteproc_virtio.c"
#: What is cut out of the rest, which reaches into most of the kernel.
_CUT = {
    _CORE: (
        "rproc_handle_resource_t",
        "rproc_da_to_va",
        "rproc_find_carveout_by_name",
        "rproc_check_carveout_da",
        "rproc_add_carveout",
        "rproc_mem_entry_init",
        "rproc_alloc_vring",
        "rproc_parse_vring",
        "rproc_free_vring",
        "rproc_add_rvdev",
        "rproc_handle_vdev",
        "rproc_handle_trace",
        "rproc_handle_devmem",
        "rproc_handle_carveout",
        "rproc_loading_handlers",
        "rproc_rsc_cb_data",
        "rproc_handle_rsc_entry",
        "rproc_handle_resources",
    ),
    _VIRTIO: ("rproc_virtio_probe",),
}
#: These the C library has, and they are the kernel's own.
_SYSTEM_HEADERS = {"linux/elf.h", "linux/types.h", "linux/virtio_ring.h"}
_INCLUDE = re.compile(r"^#include <(linux/[\w/]+\.h)>", re.MULTILINE)
# As for the kernel of an Arm board, whose char has no sign.
_FLAGS = (
    "-std=gnu11",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Werror",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-funsigned-char",
)
_SANITIZE = ("-fsanitize=address", "-fno-omit-frame-pointer")


class NoSourceError(RuntimeError):
    """The source of a kernel is not there, or no longer as this module knows it."""


def tarball(kernel: str) -> Path:
    """Return the archive of Debian's package; raises NoSourceError when it is not installed."""
    path = PACKAGES / f"linux-source-{kernel}.tar.xz"
    if not path.exists():
        raise NoSourceError(f"no {path}: tools/setup oracle installs its package, linux-source-{kernel}")
    return path


def unpack(kernel: str) -> Path:
    """Return the folder with the few files of that kernel that are needed."""
    archive = tarball(kernel)
    state = archive.stat()
    folder = BUILD / f"linux-{kernel}-{state.st_size}-{state.st_mtime_ns}"
    if not folder.exists():
        members = [f"linux-source-{kernel}/{name}" for name in (*_WHOLE, *_CUT)]
        with tempfile.TemporaryDirectory(dir=_made(BUILD)) as unfinished:
            # Reads on to the end of the archive unless told that each name comes once.
            once = ("--occurrence=1", "--strip-components=1")
            command: list[str | Path] = ["tar", "-xJf", archive, "-C", unfinished, *once, *members]
            subprocess.run(command, check=True, timeout=300)
            Path(unfinished).rename(folder)
            Path(unfinished).mkdir()
    return folder


def cut(source: str, name: str) -> str:
    """Return the definition of a function, variable, struct or type that begins at the left margin."""
    # A function, an array, a type of functions, a struct: nothing's parameter and nobody's member.
    named = re.compile(rf"\b{name}(?:\(|\[|\)\(| \{{)")
    for definition in _definitions(source):
        head, brace, _ = definition.partition("{")
        if named.search(head + brace) and (brace or head.startswith("typedef")):
            return definition
    raise NoSourceError(f"no definition of {name} in the source: Linux has changed")


def _definitions(source: str) -> Iterator[str]:
    """Yield what stands at the left margin of a C file, forward declarations included."""
    # A comment may hold anything, and none of what is looked for.
    lines = re.sub(r"^/\*.*?\*/$", "", source, flags=re.DOTALL | re.MULTILINE).split("\n")
    begin = depth = 0
    for number, line in enumerate(lines):
        if depth == 0 and (not line or line.startswith(("#", "EXPORT_", "MODULE_"))):
            begin = number + 1
            continue
        depth += line.count("{") - line.count("}")
        if depth == 0 and line.endswith((";", "}")):
            yield "\n".join(lines[begin : number + 1]) + "\n"
            begin = number + 1


def build(kernel: str, *, sanitized: bool = False) -> Path:
    """Return the oracle of a kernel, compiled when its sources or ours have changed."""
    source = unpack(kernel)
    ours = [HERE / "oracle.c", HERE / "kernel.h", Path(__file__)]
    changed = hashlib.sha256(b"".join(path.read_bytes() for path in ours) + source.name.encode())
    program = BUILD / f"oracle-{kernel}-{'asan' if sanitized else 'plain'}-{changed.hexdigest()[:12]}"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            _lay_out(source, Path(folder))
            flags = (*_FLAGS, *(_SANITIZE if sanitized else ()))
            unfinished = Path(folder) / "oracle"
            command = ["cc", *flags, "-isystem", folder, f"-I{HERE}", HERE / "oracle.c", "-o", unfinished]
            subprocess.run(command, check=True, timeout=120)
            unfinished.rename(program)
    return program


def _lay_out(source: Path, folder: Path) -> None:
    """Write the headers and loader.c: a system header's folder, so that its warnings stay the kernel's."""
    included = set()
    for name, place in _WHOLE.items():
        text = (source / name).read_text(encoding="utf-8")
        included |= set(_INCLUDE.findall(text))
        (_made((folder / place).parent) / Path(place).name).write_text(text, encoding="utf-8")
    # kernel.h stands for all the others.
    for name in included - _SYSTEM_HEADERS - set(_WHOLE.values()):
        (_made((folder / name).parent) / Path(name).name).write_text("", encoding="utf-8")
    parts = ["#include <remoteproc_elf_loader.c>\n"]
    for name, wanted in _CUT.items():
        text = (source / name).read_text(encoding="utf-8")
        parts += [cut(text, definition) for definition in wanted]
    (folder / "loader.c").write_text("\n".join(parts), encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
