# SPDX-License-Identifier: Apache-2.0
"""Files that a command writes: whole or not at all."""

import contextlib
import os
from pathlib import Path


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file as UTF-8 with line feeds: see :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace what is in a file: another program sees the old bytes or the new ones, never a part.

    What is no regular file, such as ``/dev/stdout`` or a pipe, is written to. Raises OSError, which names the
    file; what was there is then still there. Thread safety: any thread.
    """
    given = Path(path)
    # Asked of the path as it is: /dev/stdout leads to a pipe by a link that no path follows.
    if given.exists() and not given.is_file():
        try:
            given.write_bytes(data)
        except OSError as error:
            # A full device fails without a name.
            error.filename = os.fspath(path)
            raise
        return
    # A link stays a link: what it leads to is replaced.
    goal = Path(os.path.realpath(path))
    part = goal.with_name(f".{goal.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
        if goal.exists():
            part.chmod(goal.stat().st_mode)
        part.replace(goal)
    except OSError as error:
        error.filename = os.fspath(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
