# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the room.

::

    VirtioError
     +-- QueueBrokenError     (OSError, EIO)        the peer broke a rule of the ring, .rule names it
     +-- QueueFullError       (OSError, ENOSPC)     no room for the chain
     +-- QueueShapeError      (OSError, EINVAL)     num, align or address that no ring can have
     +-- NoQueueError         (OSError, ENOMEM)     the vdev has no such queue, or no memory for it
     +-- PoolError            (OSError, ENOMEM)     the vdev's buffer area is too small
     +-- MemoryLayoutError    (ValueError)          pieces that overlap or are not page aligned
     +-- OutsideMemoryError   (IndexError)          a device address outside the shared memory
     +-- ConfigError          (IndexError)          outside the configuration space
     +-- ClosedError          (ValueError)          used after close()
     +-- ForkedError          (OSError, ECHILD)     used in a forked child
     +-- WaitTimeoutError     (TimeoutError)        the deadline passed
"""

import errno
from typing import Any


class VirtioError(Exception):
    """Base of everything this room raises on purpose; ``hint`` says what to do about it.

    Thread safety: immutable.
    """

    hint: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without __init__, whose arguments are each leaf's own.
        said = {name: getattr(self, name) for name in ("args", "errno", "strerror") if hasattr(self, name)}
        return type(self).__new__, (type(self),), vars(self) | said


class QueueBrokenError(VirtioError, OSError):
    """The peer broke the rule ``rule`` of the ring; the queue refuses everything from then on.

    Thread safety: immutable.
    """

    hint = "The core's side of the ring is wrong: its virtqueue code, or a stray write into the ring."

    def __init__(self, rule: str, text: str) -> None:
        OSError.__init__(self, errno.EIO, f"queue is broken by its peer ({rule}): {text}")
        self.rule = rule


class QueueFullError(VirtioError, OSError):
    """The ring has no room for the chain.

    Thread safety: immutable.
    """

    hint = "Reap used buffers first."

    def __init__(self, message: str) -> None:
        OSError.__init__(self, errno.ENOSPC, message)


class QueueShapeError(VirtioError, OSError):
    """No ring can have this number of descriptors, this alignment or this address.

    Thread safety: immutable.
    """

    hint = "num is a power of two up to 32768, align a power of two, the address a multiple of 16."

    def __init__(self, message: str) -> None:
        OSError.__init__(self, errno.EINVAL, message)


class NoQueueError(VirtioError, OSError):
    """The vdev has fewer queues than its driver wants.

    Thread safety: immutable.
    """

    hint = "The firmware's resource table must give the vdev as many vrings as its device type has queues."

    def __init__(self, message: str) -> None:
        OSError.__init__(self, errno.ENOMEM, message)


class PoolError(VirtioError, OSError):
    """The buffer area of the vdev cannot give the bytes that its driver wants.

    Thread safety: immutable.
    """

    hint = "Enlarge the carveout vdevNbuffer in the resource table, or leave it out: the host then makes one."

    def __init__(self, message: str) -> None:
        OSError.__init__(self, errno.ENOMEM, message)


class MemoryLayoutError(VirtioError, ValueError):
    """Pieces of shared memory that overlap, are empty or do not begin and end at a page.

    Thread safety: immutable.
    """


class OutsideMemoryError(VirtioError, IndexError):
    """[``da``, ``da`` + ``size``) does not lie inside one piece of the shared memory.

    Thread safety: immutable.
    """

    def __init__(self, da: int, size: int) -> None:
        IndexError.__init__(self, f"[{da:#x}, +{size:#x}) is outside the shared memory")
        self.da = da
        self.size = size


class ConfigError(VirtioError, IndexError):
    """An access outside the configuration space; nothing was copied.

    Thread safety: immutable.
    """


class ClosedError(VirtioError, ValueError):
    """The object was closed.

    Thread safety: immutable.
    """


class ForkedError(VirtioError, OSError):
    """The object belongs to the parent of this process.

    Thread safety: immutable.
    """

    hint = "Make a machine of its own in the child, or start the child with spawn instead of fork."

    def __init__(self, what: str) -> None:
        OSError.__init__(self, errno.ECHILD, f"{what} belongs to the parent of this forked process")


class WaitTimeoutError(VirtioError, TimeoutError):
    """The deadline passed.

    Thread safety: immutable.
    """

    def __init__(self, message: str) -> None:
        TimeoutError.__init__(self, errno.ETIMEDOUT, message)
