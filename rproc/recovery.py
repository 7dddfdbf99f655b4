# SPDX-License-Identifier: Apache-2.0
"""Whether and when a crashed core is booted again.

Linux recovers at once and for ever; a firmware that crashes while it boots then does nothing else. Here a
core that crashes soon after a recovery waits longer each time, and is given up in the end.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from virtio import Clock, KernelLog
from virtio.wait import SYSTEM_CLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What to do after a crash; times in seconds.

    ``enabled`` False leaves the core crashed until recover() is called. A core that ran for ``stable`` begins
    anew; else the second recovery in a row waits for ``backoff``, each further one twice as long, at most
    ``max_backoff``. After ``attempts`` recoveries in a row the core stays crashed. Raises ValueError for a
    time or number below 0. Thread safety: immutable.
    """

    enabled: bool = True
    attempts: int = 8
    stable: float = 10.0
    backoff: float = 0.1
    max_backoff: float = 5.0

    def __post_init__(self) -> None:
        for name in ("attempts", "stable", "backoff", "max_backoff"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, it must not be negative")


class CrashLoop:
    """Counts crashes in a row. Thread safety: none; the caller serialises."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._up_ns = clock.now_ns()
        #: Crashes since the last time that the core ran for long enough.
        self.in_a_row = 0

    def begin_anew(self) -> None:
        """Forget the crashes: somebody asked for the next boot."""
        self.in_a_row = 0

    def up(self) -> None:
        """Note that the core runs from now on."""
        self._up_ns = self._clock.now_ns()

    def delay(self, policy: Recovery) -> float | None:
        """Count a crash that happened now; seconds until the recovery, or None to give the core up."""
        if self._clock.now_ns() - self._up_ns >= policy.stable * 1e9:
            self.in_a_row = 0
        self.in_a_row += 1
        if self.in_a_row > policy.attempts:
            return None
        if self.in_a_row == 1:
            return 0.0
        # The exponent is bounded: a large number of attempts must not overflow.
        return float(min(policy.backoff * 2 ** min(self.in_a_row - 2, 30), policy.max_backoff))


class AutoRecovery:
    """Has a crashed core recovered when that is due, each time in a thread of its own.

    Not in the work thread: a recovery takes as long as a stop and a boot, and the core may need that thread
    for either. Thread safety: none; the caller serialises.
    """

    def __init__(self, policy: Recovery, name: str, log: KernelLog, source: str) -> None:
        self.policy = policy
        self.loop = CrashLoop()
        self._name = name
        self._log = log
        self._source = source
        self._planned: threading.Timer | None = None

    def crashed(self, recover: Callable[[], None]) -> None:
        """Plan ``recover`` as the policy says. Raises RuntimeError when no thread can be had."""
        self.cancel()
        if not self.policy.enabled:
            return
        delay = self.loop.delay(self.policy)
        if delay is None:
            line = f"giving up {self._name}: crash #{self.loop.in_a_row} in a row"
            self._log.err(self._source, line)
            return
        if delay > 0:
            line = f"recovering {self._name} in {delay:g} s: crash #{self.loop.in_a_row} in a row"
            self._log.warning(self._source, line)
        planned = threading.Timer(delay, recover)
        planned.name = f"rproc-recovery-{self._name}"
        planned.daemon = True
        planned.start()
        self._planned = planned

    def cancel(self) -> None:
        """Forget what was planned; a thread that waits for its turn finds that it is not due."""
        planned, self._planned = self._planned, None
        if planned is not None:
            planned.cancel()

    def is_due(self) -> bool:
        """Whether the calling thread is the one that was planned last."""
        return threading.current_thread() is self._planned
