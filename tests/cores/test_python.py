# SPDX-License-Identifier: Apache-2.0
"""Cores written in Python."""

from pathlib import Path

import pytest

import cores
from cores import CoreError, CoreFirmwareError, CoreFirmwareMissingError, UnknownKindError
from cores.pyload import build_image, load_class
from cores.trial import LONG
from resource_tables import Carveout, ElfImage, ResourceTable, Vdev, Vring, parse
from rpmsg.bus import VirtioRpmsgBus
from rproc.remoteproc import RemoteProc
from tests.cores.conftest import MakeBench
from virtio import WorkThread

ECU = """
import os
from cores import PythonCore
from cores.pycore import CoreEndpoint

class Ticker(PythonCore):
    services = ("tick", "tock")
    tick_interval = 0.02
    ticks = 0

    def on_boot(self):
        self.log(f"{self.name} boots\\nin two lines", 5)

    def on_tick(self):
        self.ticks += 1

    def on_message(self, ept, data, src):
        if data == b"ticks":
            ept.send(str(self.ticks).encode())
        elif data == b"other":
            self.endpoints["tock"].send(b"from tock", src)
        elif data == b"open":
            self.open("late").addr
        elif data == b"long":
            try:
                ept.try_send(b"x" * (ept.mtu + 1))
            except OSError as error:
                ept.send(str(error.errno).encode())

    def on_stop(self):
        self.log("stopped in order")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ecus.py."""
    (tmp_path / "ecus.py").write_text(ECU)
    return tmp_path


@pytest.mark.parametrize("process", [False, True])
def test_callbacks_and_endpoints(process: bool, folder: Path, work: WorkThread) -> None:
    """Ticks, several services, an endpoint opened later, errno of a message that is too long, log, stop."""
    bus = VirtioRpmsgBus()
    core = cores.create("python", process=process)
    remote = RemoteProc(core, "ecus.py:Ticker", name="py", firmware_path=folder, drivers=[bus], work=work)
    remote.boot()
    bus.wait_channel("tock", timeout=LONG)
    with bus.wait_channel("tick", timeout=LONG).open() as endpoint:
        endpoint.send(b"other")
        assert endpoint.recv(timeout=LONG).data == b"from tock"
        endpoint.send(b"long")
        assert endpoint.recv(timeout=LONG).data == b"90"
        endpoint.send(b"open")
        bus.wait_channel("late", timeout=LONG)
        ticks = 0
        while ticks < 2:
            endpoint.send(b"ticks")
            ticks = int(endpoint.recv(timeout=LONG).data)
    remote.shutdown()
    own = [(line.level, line.text) for line in remote.log.lines if line.source == "py"]
    assert own == [(5, "py boots"), (5, "in two lines"), (6, "stopped in order")]


@pytest.mark.parametrize("process", [False, True])
def test_exception_in_boot_leaves_its_traceback_in_the_log(
    process: bool, tmp_path: Path, bench: MakeBench
) -> None:
    """The error says what, the log says where."""
    (tmp_path / "ecus.py").write_text(
        "from cores import PythonCore\n"
        "class Bad(PythonCore):\n"
        "    def on_boot(self):\n"
        "        raise KeyError('engine')\n"
    )
    bad = bench(cores.create("python", process=process), "ecus.py", tmp_path)
    with pytest.raises(CoreError, match="KeyError: 'engine'"):
        bad.remote.boot()
    assert bad.line("raise KeyError('engine')").level == 3


@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("x = 1", "not exactly one"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_broken_file_is_told(
    text: str, message: str, process: bool, tmp_path: Path, bench: MakeBench
) -> None:
    """In one line, without a traceback of the host."""
    (tmp_path / "ecus.py").write_text(text)
    with pytest.raises(CoreFirmwareError) as caught:
        bench(cores.create("python", process=process), "ecus.py", tmp_path).remote.boot()
    assert message in str(caught.value)
    assert caught.value.hint


def test_missing_class_lists_those_that_are_there(folder: Path, bench: MakeBench) -> None:
    """A typing error is told with the choice."""
    with pytest.raises(CoreFirmwareError, match="Ticker"):
        bench(cores.create("python"), "ecus.py:Tickr", folder).remote.boot()
    with pytest.raises(CoreFirmwareMissingError):
        bench(cores.create("python"), "ecu.py:Ticker", folder).remote.boot()


def test_file_that_ends_its_interpreter_ends_no_host(tmp_path: Path, bench: MakeBench) -> None:
    """With process = true the file is never imported into the host."""
    (tmp_path / "ecus.py").write_text("import os\nos._exit(9)\n")
    with pytest.raises(CoreFirmwareError, match="exit code 9"):
        bench(cores.create("python", process=True), "ecus.py", tmp_path).remote.boot()


def test_image_holds_the_table_of_the_class(folder: Path) -> None:
    """Unchanged, but for the carveout that the table itself is loaded to."""
    table = load_class(folder / "ecus.py", "Ticker").resource_table
    raw = ElfImage.parse(build_image(table)).table_bytes
    assert raw is not None
    image, *rest = parse(raw).entries
    assert isinstance(image, Carveout)
    assert image.da == 0
    assert tuple(rest) == table.entries


def test_table_with_a_home_of_its_own_is_not_touched() -> None:
    """A carveout that holds the table's address is enough."""
    rings = (Vring(num=16, align=16), Vring(num=16, align=16))
    table = ResourceTable((Carveout(name="ram", da=0, size=0x10000), Vdev(id=7, vrings=rings)))
    raw = ElfImage.parse(build_image(table)).table_bytes
    assert raw is not None
    assert parse(raw) == table


def test_options_of_a_process_need_a_process() -> None:
    """Nothing that cannot be kept is promised."""
    with pytest.raises(CoreError) as caught:
        cores.create("python", isolation="strict")
    assert "process = true" in caught.value.hint


def test_unknown_kind_and_unknown_option_are_told() -> None:
    """With the kinds that there are."""
    with pytest.raises(UnknownKindError) as caught:
        cores.create("proces")
    assert "process" in caught.value.hint
    with pytest.raises(CoreError, match="speed"):
        cores.create("process", speed=3)
