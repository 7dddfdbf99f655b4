# SPDX-License-Identifier: Apache-2.0
"""The demo's third core: the same echo, written in Python."""

from cores import PythonCore
from cores.pycore import CoreEndpoint


class Echo(PythonCore):
    """Answers every message on channel rpmsg-echo. Thread safety: none; the core's thread alone calls it."""

    services = ("rpmsg-echo",)

    def on_message(self, ept: CoreEndpoint, data: bytes, src: int) -> None:
        """Send the message back to whom it came from."""
        ept.send(data, src)
