# SPDX-License-Identifier: Apache-2.0
"""Files that others wrote: read once, never mapped, and never further than they should be."""

import errno
import os
import stat

from resource_tables.errors import UnreadableError

#: The largest file that is looked at, bytes. Images with debug information have tens of megabytes; a larger
#: file is a disk image or a hole.
MAX_FILE = 256 << 20
#: The same for files that people write.
MAX_TEXT = 1 << 20

# A pipe that nobody writes to must not be waited for; Windows has neither pipes in folders nor these flags.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_bounded(path: str | os.PathLike[str], limit: int = MAX_FILE) -> bytes:
    """Return the bytes of a regular file of at most ``limit`` bytes.

    Raises UnreadableError, which names the file and says what is wrong with it: not there, a folder, a pipe
    or a device, too large, or a size that changes while it is read. Thread safety: any thread.
    """
    name = os.fspath(path)
    try:
        handle = os.open(name, _FLAGS)
        try:
            return _read(handle, name, limit)
        finally:
            os.close(handle)
    except UnreadableError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableError(name, error.errno or errno.EIO, reason) from None
    except ValueError as error:
        # A path with a NUL in it, or one that has no bytes.
        raise UnreadableError(name, errno.EINVAL, str(error)) from None


def read_text(path: str | os.PathLike[str]) -> str:
    """Return a text file of at most MAX_TEXT bytes.

    Raises UnreadableError as above and UnicodeDecodeError when it is not UTF-8. Thread safety: any thread.
    """
    return read_bounded(path, MAX_TEXT).decode("utf-8")


def _read(handle: int, name: str, limit: int) -> bytes:
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableError(name, errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(name, errno.EINVAL, "not a regular file")
    if status.st_size > limit:
        raise UnreadableError(name, errno.EFBIG, f"{status.st_size} bytes, at most {limit} are read")
    parts = []
    # One byte more than there should be tells a file that grows.
    left = status.st_size + 1
    while left and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    if left != 1:
        raise UnreadableError(name, errno.EAGAIN, "its size changed while it was read")
    # As a rule all of it came at once, and joining would hold two copies for a moment.
    return parts[0] if len(parts) == 1 else b"".join(parts)
