# SPDX-License-Identifier: Apache-2.0
"""Where the demo builds: a folder that goes with it, or with the next demo when this one was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "rproc-demo-"
#: The owner holds a lock on this file. The kernel lets go of it with the owner, however that ends.
LOCK = ".rproc-demo-lock"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for the time of the context, and remove those whose owners were killed.

    Thread safety: none; the caller serialises.
    """
    remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        new = folder / "lock"
        with new.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Only now, so that nobody finds it unlocked.
            new.rename(folder / LOCK)
            yield folder


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of this user's demos that no longer run. Thread safety: any thread."""
    for folder in parent.glob(f"{PREFIX}*"):
        # Whatever cannot be removed is not worth a failure: in use, somebody else's, or gone meanwhile.
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
                _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    with (folder / LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
