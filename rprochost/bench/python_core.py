# SPDX-License-Identifier: Apache-2.0
"""The core in Python that is measured: it echoes as the ECU of rprochost/bench/ecu does, and nothing else."""

import struct
import time

from cores import PythonCore
from cores.pycore import CoreEndpoint

#: struct command of the ECU: op, value, size, first, batch, reserved, num, work_ns.
COMMAND = struct.Struct("<IIIIIIQQ")
BEHAVE = 1


class Echo(PythonCore):
    """Answers on channel bench-echo, and is told on bench-control how long to work before.

    Whether it polls is not its own business: it waits as every core in Python does.
    Thread safety: none; the core's thread alone calls it.
    """

    services = ("bench-echo", "bench-control")

    def __init__(self) -> None:
        super().__init__()
        self._work_ns = 0

    def on_message(self, ept: CoreEndpoint, data: bytes, src: int) -> None:
        """Send the message back to whom it came from."""
        if ept.name == "bench-control":
            self._work_ns = COMMAND.unpack(data)[-1]
        elif self._work_ns:
            end = time.perf_counter_ns() + self._work_ns
            while time.perf_counter_ns() < end:
                pass
        ept.send(data, src)
