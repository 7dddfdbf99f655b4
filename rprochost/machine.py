# SPDX-License-Identifier: Apache-2.0
"""A machine: remote cores, one log, one work thread."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cores import create
from rpmsg import Channel
from rproc import Core, Numbers
from rprochost.config import core_settings, load_settings
from rprochost.errors import ChannelTimeoutError, ConfigError, MachineLeftError, NoSuchCoreError
from rprochost.host_core import HostCore
from rprochost.settings import CoreSettings
from virtio import ForkedError
from virtio.log import KernelLog, printable
from virtio.wait import Deadline
from virtio.work import WorkThread

#: How long announcements must pause for :meth:`Machine.settle` to believe that they are over, in seconds.
_SETTLE = 0.1


def _create(settings: CoreSettings) -> Core:
    """Make the core, with those options that the settings change: each kind knows only its own."""
    options = {
        "args": settings.args,
        "env": settings.env,
        "cwd": settings.cwd,
        "isolation": settings.isolation if settings.isolation != "normal" else None,
        "process": settings.process,
    }
    return create(settings.kind, **{name: value for name, value in options.items() if value})


class Machine(Mapping[str, HostCore]):
    """Remote cores by name. As a context manager it boots those with auto_boot and stops all on leaving.

    ::

        machine = Machine(name="car")
        machine.add("door", kind="library", firmware="libdoor.so")
        with machine:
            endpoint = machine.wait_channel("rpmsg-echo", core="door").open()

    A mapping from name to core, in the order in which they were added. A machine is entered once: leaving
    ends its work thread. A forked child can do nothing with it: the cores are the parent's.
    Thread safety: any thread.
    """

    def __init__(
        self,
        name: str = "machine",
        firmware_path: str | Path = ".",
        *,
        make_core: Callable[..., HostCore] = HostCore,
    ) -> None:
        """``make_core`` takes what HostCore takes: a subclass can see to how its cores are used."""
        self.name = name
        self._make_core = make_core
        self.firmware_path = Path(firmware_path).absolute()
        #: Everything that the cores and the machine log, in one sequence.
        self.log = KernelLog()
        self._work = WorkThread(log=self.log)
        self._numbers = Numbers()
        self._cores: dict[str, HostCore] = {}
        self._changed = threading.Condition()
        #: Counts announcements; with the time of the last one, both under ``_changed``.
        self._changes = 0
        self._changed_at = time.monotonic()
        self._left = False
        self._pid = os.getpid()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Make the machine that a TOML file describes; nothing is started.

        Raises ConfigError, which names file and line, and OSError when the file cannot be read.
        """
        settings = load_settings(path)
        machine = cls(settings.name, settings.firmware_path)
        try:
            for core in settings.cores:
                machine.add_core(core)
        except OSError as error:
            error.filename = str(path)
            raise
        return machine

    def add(self, name: str, *, kind: str = "process", firmware: str | Path, **options: Any) -> HostCore:
        """Add a core; ``options`` are the keys of a ``[core.X]`` table, sub-tables as dictionaries:
        :class:`rprochost.settings.CoreSettings` lists them with their defaults.

        A relative path is relative to the current folder, a bare name is looked up in ``firmware_path``.
        Raises ConfigError, and LookupError for a kind that nobody provides.
        """
        given = {"kind": kind, "firmware": firmware, **options}
        return self.add_core(core_settings(name, given, self.firmware_path))

    def add_core(self, settings: CoreSettings) -> HostCore:
        """Add a core whose settings were checked before, by rprochost.config; raises as :meth:`add`."""
        try:
            remote = _create(settings)
        except OSError as error:
            vars(error).update(core=settings.name)
            raise
        with self._changed:
            if settings.name in self._cores:
                raise ConfigError(f"a core named {settings.name!r} exists already", rule="CONFIG_VALUE")
            core = self._make_core(
                settings,
                remote,
                log=self.log,
                work=self._work,
                numbers=self._numbers,
                on_channel=self._on_channel,
            )
            self._cores[settings.name] = core
            return core

    def __getitem__(self, name: str) -> HostCore:
        try:
            return self._cores[name]
        except KeyError:
            raise NoSuchCoreError(name, f"cores here: {', '.join(self._cores) or 'none'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._cores))

    def __len__(self) -> int:
        return len(self._cores)

    def __repr__(self) -> str:
        return (
            f"<Machine {self.name}: {', '.join(f'{core.name} {core.state.value}' for core in self.values())}>"
        )

    # ---- life ----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._left:
            raise MachineLeftError(self.name)
        try:
            for core in self.values():
                if core.settings.auto_boot:
                    core.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop every core, in reverse order, whatever the number of its users, and end the work thread.

        All cores are stopped even when one refuses; the first error is raised at the end.
        """
        self._left = True
        errors: list[Exception] = []
        for core in reversed(list(self.values())):
            try:
                core.stop_all()
            except Exception as error:
                errors.append(error)
        self._work.close()
        if errors:
            raise errors[0]

    # ---- channels ------------------------------------------------------------------------------------------

    def _on_channel(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed_at = time.monotonic()
            self._changed.notify_all()

    def _wait_change(self, seen: int, timeout: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._changes != seen, timeout)

    def wait_channel(self, name: str, core: str | None = None, timeout: float | None = 5.0) -> Channel:
        """Wait until a core, or the core named, announces a channel.

        Raises ChannelTimeoutError (a TimeoutError), which lists what was announced and by whom, after
        ``timeout`` seconds, NoSuchCoreError, and virtio.ForkedError in a forked child, which would wait in
        vain.
        """
        if self._pid != os.getpid():
            raise ForkedError(f"machine {self.name}")
        wanted = list(self.values()) if core is None else [self[core]]
        deadline = Deadline(timeout)
        while True:
            # The buses are asked without our lock: they call _on_channel, which takes it.
            seen = self._changes
            for channel in (channel for one in wanted for channel in one.channels):
                if channel.name == name:
                    return channel
            if deadline.expired:
                raise self._no_channel(name, core, timeout)
            self._wait_change(seen, deadline.remaining())

    def _no_channel(self, name: str, core: str | None, timeout: float | None) -> ChannelTimeoutError:
        # The cores choose the names of their channels.
        announced = [
            f"{one.name}:{printable(channel.name)}" for one in self.values() for channel in one.channels
        ]
        asleep = [f"{one.name} is {one.state.value}" for one in self.values() if one.state.value != "running"]
        who = "nobody" if core is None else f"core {core}"
        what = f"{who} announced {name!r} in {timeout} s; announced: {', '.join(announced) or 'nothing'}"
        hint = "; ".join(asleep) or "the core's name service announcement must have exactly this name"
        return ChannelTimeoutError(what, hint if self else "the machine has no cores")

    def settle(self, timeout: float) -> None:
        """Wait until every running core has announced something and no more comes, at most ``timeout``
        seconds.
        """
        deadline = Deadline(timeout)
        while not deadline.expired:
            seen = self._changes
            silent = any(core.state.value == "running" and not core.channels for core in self.values())
            pause = _SETTLE - (time.monotonic() - self._changed_at)
            if not silent and pause <= 0:
                return
            left = deadline.remaining() or 0.0
            self._wait_change(seen, left if silent else min(pause, left))
