# SPDX-License-Identifier: Apache-2.0
"""From "ecus.py:Echo" to a class, and from a class to the image that the loader reads."""

import errno
import importlib.util
import platform
import sys
from hashlib import sha256
from pathlib import Path

from cores.errors import CoreFirmwareError
from cores.pycore import PythonCore
from resource_tables import Carveout, ResourceTable, elf_image, emit

#: Device address of the table in the image of a Python core.
TABLE_DA = 0x1000
_PAGE = 0x1000
_MACHINES = {"x86_64": 62, "aarch64": 183}


def split_name(name: str) -> tuple[str, str]:
    """Split "FILE:CLASS"; the class is empty when it is left out."""
    file, _, class_name = name.partition(":")
    return file, class_name


def load_class(path: Path, class_name: str) -> type[PythonCore]:
    """Import the file anew and return its class, or its only one. Raises CoreFirmwareError.

    Thread safety: any thread.
    """
    module_name = f"rproc_ecu_{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise CoreFirmwareError(
            errno.ENOEXEC,
            "firmware is no Python file",
            hint='write firmware = "ecus.py:Class"',
            rule="python-file",
            file=path,
        )
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look their module up there.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _import_error(path, error) from error
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, PythonCore) and value.__module__ == module_name
    }
    return _choose(found, path, class_name)


def _import_error(path: Path, error: BaseException) -> CoreFirmwareError:
    # One line, whatever the file says.
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return CoreFirmwareError(
        errno.ENOEXEC,
        f"firmware cannot be imported: {said}",
        hint=f"python3 {path} shows where",
        rule="python-import",
        file=path,
    )


def _choose(found: dict[str, type[PythonCore]], path: Path, class_name: str) -> type[PythonCore]:
    if class_name in found:
        return found[class_name]
    if not class_name and len(found) == 1:
        return next(iter(found.values()))
    known = ", ".join(sorted(found)) or "none"
    what = f"no class {class_name!r} of" if class_name else "not exactly one"
    raise CoreFirmwareError(
        errno.ENOEXEC,
        f"firmware has {what} cores.PythonCore (there are: {known})",
        hint=f'write firmware = "{path.name}:Class"',
        rule="python-class",
        file=path,
    )


def build_image(table: ResourceTable) -> bytes:
    """Return an ELF image of the table for this machine.

    Like the SDK's table macros, it gets a carveout ``image`` at address 0 that the loaded table lies in,
    unless one of its own does. Raises TableError. Thread safety: any thread.
    """
    end = TABLE_DA + len(emit(table)) + 64  # the entry that may be added
    if not any(c.da <= TABLE_DA and end <= c.da + c.size for c in table.carveouts):
        image = Carveout(name="image", da=0, size=-(-end // _PAGE) * _PAGE)
        table = ResourceTable((image, *table.entries), table.version, table.reserved)
    return elf_image(table, machine=_MACHINES.get(platform.machine(), 0), table_addr=TABLE_DA)
