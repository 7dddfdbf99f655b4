# SPDX-License-Identifier: Apache-2.0
"""Small numbers, lowest free first (Linux: lib/idr.c, ida_alloc)."""

import heapq
import threading


class Ida:
    """Hands out 0, 1, 2 …; a number that was freed is handed out again first.

    Thread safety: any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[int] = []
        self._next = 0

    def alloc(self) -> int:
        """Return the lowest number that is not in use."""
        with self._lock:
            if self._free:
                return heapq.heappop(self._free)
            self._next += 1
            return self._next - 1

    def free(self, number: int) -> None:
        """Give a number back."""
        with self._lock:
            heapq.heappush(self._free, number)
