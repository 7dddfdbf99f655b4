# SPDX-License-Identifier: Apache-2.0
"""Where the verbs of ``rproc table`` take a table from, and where they put what they make."""

import argparse
import errno
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.cli.common import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from resource_tables.check import Failure
    from resource_tables.elf_header import Section

STDIN = "-"
SOURCE_HELP = 'a firmware (ELF), a table.toml, a bare table (.bin, or --raw), or "-" for standard input'
#: Faults that are told one by one; the linter tells all.
MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a table and where they come from.

    ``section`` is that of the table in an image, None for a bare table; ``faults`` are the checks of the
    loader that the table fails, at most one more than MAX_FAULTS. Thread safety: immutable.
    """

    name: str
    data: bytes
    section: "Section | None"
    faults: "tuple[Failure, ...]"


def add_source(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the arguments that name tables."""
    for name in names:
        parser.add_argument(name, metavar=name.upper(), type=Path, help=SOURCE_HELP)
    parser.add_argument("--raw", action="store_true", help="a file that is no ELF is a bare table")


def read_bytes(path: Path) -> bytes:
    """Return what is in a file, or what comes from standard input, up to a bound."""
    from resource_tables.errors import UnreadableError
    from resource_tables.files import MAX_FILE, read_bounded

    with naming(path):
        if str(path) != STDIN:
            return read_bounded(path)
        if sys.stdin is None:
            raise UnreadableError(STDIN, errno.EBADF, "there is no standard input")
        data = sys.stdin.buffer.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise UnreadableError(STDIN, errno.EFBIG, f"has more than {MAX_FILE} bytes")
    return data


def read_source(path: Path, *, raw: bool) -> Source:
    """Read a table; what is wrong with it is in the ``faults``.

    Raises what tells that there is none: UnreadableError, LoaderError for a file that is no image,
    TableTextError.
    """
    return source_of(path, read_bytes(path), raw=raw)


def source_of(path: Path, data: bytes, *, raw: bool) -> Source:
    """Return the table in bytes that came from a path, as :func:`read_source` does."""
    with naming(path):
        return _source(path, data, raw)


@contextmanager
def naming(path: Path) -> "Iterator[None]":
    """Let errors about bytes name the file that they came from."""
    try:
        yield
    except (OSError, ValueError) as error:
        # The errors of a TOML file name it themselves, with the line.
        if not hasattr(error, "file"):
            vars(error).setdefault("firmware", str(path))
        raise


def _source(path: Path, data: bytes, raw: bool) -> Source:
    from resource_tables.checks import TableSubject, failures
    from resource_tables.elf_header import ELF_MAGIC

    if data[:4] == ELF_MAGIC and not raw:
        return _image_source(path, data)
    if _is_toml(path, data, raw):
        from resource_tables.authoring.toml_text import load_toml

        data = load_toml(_decoded(path, data), str(path)).emit()
    elif not may_be_bare(path, raw):
        return _image_source(path, data)
    return Source(str(path), data, None, _first(failures(TableSubject(data))))


def may_be_bare(path: Path, raw: bool) -> bool:
    """Whether a file that is no ELF is taken for a bare table."""
    return raw or path.suffix == ".bin" or str(path) == STDIN


def _is_toml(path: Path, data: bytes, raw: bool) -> bool:
    # Every table has a NUL in its first word, and no TOML has one.
    return not raw and (path.suffix == ".toml" or (str(path) == STDIN and b"\0" not in data))


def _decoded(path: Path, data: bytes) -> str:
    from resource_tables.errors import TableTextError

    try:
        # Editors of Windows begin a file with a mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableTextError(str(path), line, "", "is not UTF-8", "save it as UTF-8") from None


def _image_source(path: Path, data: bytes) -> Source:
    """Return the table of an image; raise the failure that tells why there is none."""
    from resource_tables.checks import ImageSubject, failures
    from resource_tables.checks_elf import IMAGE_CHECKS, SEGMENT_CHECKS
    from resource_tables.elf_header import ELF_MAGIC, TABLE_SECTION_NAME, ElfHeader

    header = ElfHeader(data)
    found = _first(fail for fail in failures(ImageSubject(data)) if fail.check not in SEGMENT_CHECKS)
    fatal = [fail for fail in found if fail.check in IMAGE_CHECKS and fail.check.gate]
    section = None if fatal else header.find_section(TABLE_SECTION_NAME)
    if section is None:
        error = (fatal or found)[0].error()
        if data[:4] != ELF_MAGIC:
            error.hint += " A bare table needs --raw."
        raise error
    return Source(str(path), data[section.offset : section.offset + section.size], section, found)


def _first(found: "Iterable[Failure]") -> "tuple[Failure, ...]":
    return tuple(islice(found, MAX_FAULTS + 1))


def fault_records(faults: "Iterable[Failure]") -> list[dict[str, object]]:
    """Return faults as objects for ``--json``."""
    return [
        {
            "rule": fault.check.id,
            "errno": fault.check.errno,
            "entry": getattr(getattr(fault.subject, "entry", None), "index", None),
            "offset": fault.offset,
            "message": fault.message,
            "source": fault.check.source,
            "hint": fault.check.hint,
        }
        for fault in islice(faults, MAX_FAULTS)
    ]


def fault_error(fault: "Failure", source: Source) -> Exception:
    """Return the loader's error for a fault, with the file and the entry in it."""
    error = fault.error()
    entry = getattr(fault.subject, "entry", None)
    if entry is not None:
        error.strerror = f"entry {entry.index}: {error.strerror}"
    vars(error)["firmware"] = source.name
    return error


def write_result(path: str, data: bytes) -> None:
    """Write a file as a whole or not at all, or to standard output."""
    from rprochost.cli.files import write_bytes

    if path != STDIN:
        write_bytes(path, data)
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(error) from None


def check_output(arguments: argparse.Namespace) -> None:
    """Refuse to write two things to standard output."""
    if arguments.output == STDIN and arguments.json:
        raise UsageError("--json and -o - both write to standard output")
