# SPDX-License-Identifier: Apache-2.0
"""iceoryx2 as a rival: publish and subscribe there and back, polling, or woken by its events."""

import atexit
import ctypes
import importlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rprochost.bench.histogram import Histogram
from rprochost.bench.pairs import Pair, stamps

#: It has no types, and not every machine has it.
iox2: Any = importlib.import_module("iceoryx2")

#: Where iceoryx2 keeps its segments.
_SHARED_MEMORY = Path("/dev/shm")
_PING, _PONG = "ping", "pong"


def _remove_segments(prefix: str) -> None:
    for segment in _SHARED_MEMORY.glob(f"{prefix}*"):
        segment.unlink(missing_ok=True)


class _Payload16(ctypes.Structure):
    """A message of 16 bytes: the library sends types, not bytes."""

    _fields_ = [("data", ctypes.c_uint8 * 16)]

    @staticmethod
    def type_name() -> str:
        return "Payload16"


class _Side:
    """One side: what it publishes and subscribes to, and with ``events`` what wakes it."""

    def __init__(self, folder: str, prefix: str, *, host: bool) -> None:
        iox2.set_log_level(iox2.LogLevel.Error)
        config = iox2.config.default()
        config.global_cfg.root_path = iox2.Path.new(folder)
        config.global_cfg.prefix = iox2.FileName.new(prefix)
        build: Any = iox2.NodeBuilder.new().config(config)
        self._node = build.signal_handling_mode(iox2.SignalHandlingMode.Disabled).create(iox2.ServiceType.Ipc)
        out, back = (_PING, _PONG) if host else (_PONG, _PING)
        self.publisher = self._topic(out).publisher_builder().create()
        self.subscriber = self._topic(back).subscriber_builder().create()
        self.notifier = self._event(out).notifier_builder().create()
        self.listener = self._event(back).listener_builder().create()

    def _topic(self, name: str) -> Any:
        service = self._node.service_builder(iox2.ServiceName.new(name))
        return service.publish_subscribe(_Payload16).open_or_create()

    def _event(self, name: str) -> Any:
        return self._node.service_builder(iox2.ServiceName.new(name)).event().open_or_create()


class PollingPair(Pair):
    """Both sides poll their subscriber. Thread safety: none; the caller serialises."""

    name = "iceoryx2-poll"
    title = "iceoryx2, polling"

    def __init__(self, size: int) -> None:
        """Make the host's side in a folder and with a prefix of its own; ``size`` is 16."""
        super().__init__(16)
        self._folder = tempfile.TemporaryDirectory(prefix="rproc-bench-")
        self._prefix = f"{Path(self._folder.name).name}_"
        # When Ctrl-C ends a run, its traceback keeps objects of the library, and they leave something behind.
        atexit.register(_remove_segments, self._prefix)
        self._side = _Side(self._folder.name, self._prefix, host=True)

    def share(self) -> tuple[list[int], list[str]]:
        """Tell folder and prefix."""
        return [], [self._folder.name, self._prefix]

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Publish what comes."""
        folder, prefix = words
        side = _Side(folder, prefix, host=False)

        def answer(_first: int, num: int) -> None:
            receive, send = side.subscriber.receive, side.publisher.send_copy
            for _ in range(num):
                while (sample := receive()) is None:
                    pass
                send(sample.payload().contents)

        return answer

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Publish and receive."""
        times, now, data = stamps(num), time.perf_counter_ns, _Payload16()
        receive, send = self._side.subscriber.receive, self._side.publisher.send_copy
        times[0] = now()
        for i in range(num):
            send(data)
            while (sample := receive()) is None:
                pass
            times[i + 1] = now()
            sample.payload()
        histogram.record_turns(times)

    def close(self) -> None:
        """Remove everything that the library has left: a peer that is killed cannot do it."""
        del self._side
        self._folder.cleanup()
        _remove_segments(self._prefix)


class EventPair(PollingPair):
    """Both sides sleep on the library's event. Thread safety: none; the caller serialises."""

    name = "iceoryx2-event"
    title = "iceoryx2, woken by its event"

    @classmethod
    def join(cls, words: Sequence[str]) -> Callable[[int, int], None]:
        """Publish what comes, and notify."""
        folder, prefix = words
        side = _Side(folder, prefix, host=False)
        patience = iox2.Duration.from_secs(1)

        def answer(_first: int, num: int) -> None:
            receive, send = side.subscriber.receive, side.publisher.send_copy
            wait, notify = side.listener.timed_wait, side.notifier.notify
            for _ in range(num):
                while (sample := receive()) is None:
                    wait(patience)
                send(sample.payload().contents)
                notify()

        return answer

    def turns(self, first: int, num: int, histogram: Histogram) -> None:
        """Publish, notify, wait and receive."""
        times, now, data = stamps(num), time.perf_counter_ns, _Payload16()
        receive, send = self._side.subscriber.receive, self._side.publisher.send_copy
        wait, notify = self._side.listener.timed_wait, self._side.notifier.notify
        patience = iox2.Duration.from_secs(1)
        times[0] = now()
        for i in range(num):
            send(data)
            notify()
            while (sample := receive()) is None:
                wait(patience)
            times[i + 1] = now()
            sample.payload()
        histogram.record_turns(times)
