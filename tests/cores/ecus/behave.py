# SPDX-License-Identifier: Apache-2.0
"""The Python twin of behave.c."""

import ctypes
import os
import signal
import struct
import threading

from cores import PythonCore
from cores.pycore import CoreEndpoint


def hang() -> None:
    """Never return."""
    threading.Event().wait()


class Echo(PythonCore):
    """Does what a message says, echoes any other. Thread safety: the core's own thread."""

    services = ("behave",)
    count = 0

    def on_message(self, ept: CoreEndpoint, data: bytes, src: int) -> None:
        """Misbehave or answer."""
        if data == b"count":
            self.count += 1
            ept.send(struct.pack("<I", self.count), src)
            return
        self.misbehave(data)
        ept.send(data, src)

    def misbehave(self, data: bytes) -> None:
        """Do what the message says."""
        if data == b"segfault":
            ctypes.string_at(8)
        elif data == b"exit":
            os._exit(3)
        elif data == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif data == b"hang":
            hang()
        elif data == b"error":
            raise OSError(5, "asked for an error")


class Refuse(Echo):
    """Refuses to boot. Thread safety: the core's own thread."""

    def on_boot(self) -> None:
        """Refuse."""
        raise PermissionError(1, "not today")


class HangBoot(Echo):
    """Does not return from boot. Thread safety: the core's own thread."""

    def on_boot(self) -> None:
        """Hang."""
        hang()


class HangStop(Echo):
    """Does not return from stop. Thread safety: the core's own thread."""

    def on_stop(self) -> None:
        """Hang."""
        hang()
