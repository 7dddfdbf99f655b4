# SPDX-License-Identifier: Apache-2.0
"""Signals that end every wait of the main thread, also the one that was just about to begin.

Between the interpreter's last look at its pending signals and the system call that sleeps lies an instant. A
signal that comes then is noted, but nothing wakes the sleeper: it would wait until the next signal.
"""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: The signals that shall end a command.
_ENDING = (signal.SIGINT, signal.SIGTERM)
#: Sent to the main thread only to interrupt its system call; its default action is to be ignored.
_POKE = signal.SIGURG
_POKES, _PAUSE = 3, 0.05


def _poke_main_thread(reader: socket.socket) -> None:
    main = threading.main_thread().ident or 0
    while numbers := reader.recv(64):
        if any(number in _ENDING for number in numbers):
            # More than one, because the first may fall into the same instant.
            for _ in range(_POKES):
                signal.pthread_kill(main, _POKE)
                time.sleep(_PAUSE)


@contextmanager
def prompt_signals() -> Iterator[None]:
    """Inside the block SIGINT and SIGTERM interrupt whatever the main thread waits for.

    Thread safety: none; main thread only, because it handles signals.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    watcher = threading.Thread(target=_poke_main_thread, args=(reader,), name="rproc-signals", daemon=True)
    before = signal.signal(_POKE, lambda *_: None)
    before_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before_fd)
        writer.close()
        watcher.join()
        signal.signal(_POKE, before)
        reader.close()
