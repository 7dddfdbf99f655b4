# SPDX-License-Identifier: Apache-2.0
"""A machine with real cores of every kind."""

import os
import select
import signal
import threading
from pathlib import Path

import pytest

from rproc import State
from rprochost import ChannelTimeoutError, ConfigError, HostCore, HostError, Machine, NoSuchCoreError
from rprochost.bench.echo import EchoError, one_round_trip, round_trips, throughput
from rprochost.config import load_settings
from rprochost.demo.leftovers import children

CHANNEL = "rpmsg-echo"
LIMIT = 20.0

Images = dict[str, str]


def _machine(images: Images, *kinds: str, **options: object) -> Machine:
    machine = Machine(name="test")
    for kind in kinds:
        machine.add(kind, kind=kind, firmware=images[kind], **options)
    return machine


def _work_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rproc-work")]


def test_every_kind_echoes_and_is_offline_afterwards(images: Images, kind: str) -> None:
    machine = _machine(images, kind)
    with machine, machine.wait_channel(CHANNEL, core=kind).open() as endpoint:
        assert machine[kind].state is State.RUNNING
        endpoint.send(b"hello")
        assert endpoint.recv(timeout=LIMIT).data == b"hello"
    assert machine[kind].state.value == "offline"
    assert machine[kind].channels == []


def test_an_endpoint_of_a_stopped_core_is_broken(images: Images, kind: str) -> None:
    with _machine(images, kind) as machine, machine.wait_channel(CHANNEL).open() as endpoint:
        machine[kind].stop()
        with pytest.raises(BrokenPipeError):
            endpoint.send(b"hello")
        with pytest.raises(BrokenPipeError):
            endpoint.recv(timeout=LIMIT)


def test_cores_start_in_order_and_stop_in_reverse(images: Images) -> None:
    machine = _machine(images, "library", "process", "python")
    with machine:
        pass
    texts = [line.text for line in machine.log.lines]
    order = ["library", "process", "python"]
    ups = [text.split()[2] for text in texts if text.endswith("is now up")]
    downs = [text.split()[-1] for text in texts if text.startswith("stopped remote processor")]
    assert (ups, downs) == (order, order[::-1])


def test_a_core_without_auto_boot_waits_for_start(images: Images) -> None:
    machine = _machine(images, "library", auto_boot=False)
    with machine:
        core = machine["library"]
        assert core.state is State.OFFLINE
        core.start()
        core.wait_state(State.RUNNING, timeout=LIMIT)
        machine.wait_channel(CHANNEL, timeout=LIMIT)
    assert core.state is State.OFFLINE


def test_every_start_needs_a_stop_of_its_own(images: Images) -> None:
    with _machine(images, "library") as machine:
        core = machine["library"]
        states = []
        core.start()
        for _ in range(2):
            core.stop()
            states.append(core.state.value)
        assert states == ["running", "offline"]
        with pytest.raises(OSError, match="offline"):
            core.stop()


def test_leaving_drops_every_reference(images: Images) -> None:
    with _machine(images, "library") as machine:
        for _ in range(3):
            machine["library"].start()
    assert machine["library"].state is State.OFFLINE


def test_a_core_that_cannot_start_takes_the_others_down_and_names_itself(
    images: Images, tmp_path: Path
) -> None:
    before = _work_threads()
    machine = _machine(images, "library")
    machine.add("broken", kind="process", firmware=tmp_path / "none")
    with pytest.raises(FileNotFoundError) as caught, machine:
        pytest.fail("the machine was entered")
    assert vars(caught.value)["core"] == "broken"
    assert vars(caught.value)["firmware"] == str(tmp_path / "none")
    assert any("core broken" in note for note in caught.value.__notes__)
    assert machine["library"].state is State.OFFLINE
    assert _work_threads() == before


def test_a_machine_has_one_work_thread_and_none_when_left(images: Images) -> None:
    before = len(_work_threads())
    with _machine(images, "library", "process", "python"):
        assert len(_work_threads()) == before + 1
    assert len(_work_threads()) == before


def test_a_machine_is_entered_once(images: Images) -> None:
    machine = _machine(images, "library")
    with machine:
        pass
    with pytest.raises(HostError, match="left already"), machine:
        pytest.fail("the machine was entered")


def test_a_channel_nobody_announces_times_out_with_a_list_of_who_announced_what(images: Images) -> None:
    with _machine(images, "library", "process") as machine:
        machine.settle(LIMIT)
        with pytest.raises(TimeoutError) as caught:
            machine.wait_channel("rpmsg-ech0", timeout=0.05)
        assert isinstance(caught.value, ChannelTimeoutError)
        assert "library:rpmsg-echo, process:rpmsg-echo" in str(caught.value)
        machine["process"].stop()
        with pytest.raises(TimeoutError) as caught:
            machine.wait_channel(CHANNEL, core="process", timeout=0.05)
        assert "process is offline" in getattr(caught.value, "hint", "")


def test_a_channel_of_an_unknown_core_is_a_key_error(images: Images) -> None:
    machine = _machine(images, "library")
    with pytest.raises(KeyError) as caught:
        machine.wait_channel(CHANNEL, core="roof")
    assert isinstance(caught.value, NoSuchCoreError)
    assert "library" in caught.value.hint


def test_a_wait_begun_before_the_start_is_woken_by_the_announcement(images: Images) -> None:
    machine = _machine(images, "library", auto_boot=False)
    found: list[str] = []
    waiter = threading.Thread(target=lambda: found.append(machine.wait_channel(CHANNEL, timeout=LIMIT).name))
    with machine:
        waiter.start()
        machine["library"].start()
        waiter.join(LIMIT)
        assert found == [CHANNEL]


def test_a_machine_can_be_told_what_makes_its_cores(images: Images, tmp_path: Path) -> None:
    class Watched(HostCore):
        """Thread safety: any thread."""

    machine = Machine(make_core=Watched)
    file = tmp_path / "car.toml"
    file.write_text(f'[core.roof]\nkind = "library"\nfirmware = "{images["library"]}"\n', encoding="utf-8")
    added = machine.add("door", kind="library", firmware=images["library"])
    (settings,) = load_settings(file).cores
    assert [type(core) for core in (added, machine.add_core(settings))] == [Watched, Watched]
    with machine:
        assert [core.state for core in machine.values()] == [State.RUNNING] * 2


def test_two_cores_of_one_name_are_refused(images: Images) -> None:
    machine = _machine(images, "library")
    with pytest.raises(ConfigError, match="exists already"):
        machine.add("library", kind="library", firmware=images["library"])


def test_an_unknown_kind_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        Machine().add("door", kind="emulated", firmware="x")


def test_options_reach_the_core(images: Images) -> None:
    machine = Machine()
    machine.add("door", kind="library", firmware=images["library"], log_level=3, rpmsg={"buffer_size": 1024})
    with machine, machine.wait_channel(CHANNEL, timeout=LIMIT).open() as endpoint:
        assert endpoint.mtu == 1008
        one_round_trip(endpoint, 1, 1008, LIMIT)
        assert machine["door"].log.lines == []


def test_the_regions_of_a_machine_are_carveouts_that_the_platform_has_registered(images: Images) -> None:
    regions = [
        {"name": "vdev0buffer", "da": 0x6000_0000, "size": 0x80000},
        {"name": "scratch", "da": "any", "size": 4096, "kind": "tcm"},
    ]
    machine = Machine()
    machine.add("door", kind="library", firmware=images["library"], memory={"region": regions})
    with machine:
        machine.wait_channel(CHANNEL, timeout=LIMIT)
        found = {piece.name: (piece.da, piece.size) for piece in machine["door"].carveouts}
        assert found["vdev0buffer"] == (0x6000_0000, 0x80000)
        assert found["scratch"][1] == 4096


def test_trace_table_and_memory_map_can_be_read(images: Images) -> None:
    with _machine(images, "process") as machine:
        core = machine["process"]
        assert "echo: booted" in core.trace(0).read()
        with pytest.raises(LookupError):
            core.trace(9)
        assert {"vdev0vring0", "vdev0vring1", "vdev0buffer"} <= {piece.name for piece in core.carveouts}
        assert core.table.vdevs[0].status == 7
        assert core.image_table.vdevs[0].status == 0


def test_a_killed_core_is_crashed_its_endpoint_broken_and_the_others_echo(images: Images) -> None:
    off = {"enabled": False}
    with _machine(images, "library", "process", "python", recovery=off) as machine:
        endpoints = {kind: machine.wait_channel(CHANNEL, core=kind).open() for kind in machine}
        victim = machine["process"]
        assert victim.pid is not None
        readable = endpoints["process"].fileno()
        os.kill(victim.pid, signal.SIGKILL)
        with pytest.raises(BrokenPipeError):
            endpoints["process"].recv(timeout=LIMIT)
        victim.wait_state(State.CRASHED, timeout=LIMIT)
        assert select.select([readable], [], [], LIMIT)[0] == [readable]
        assert victim.crash is not None
        assert "SIGKILL" in victim.crash.cause
        for kind in ("library", "python"):
            one_round_trip(endpoints[kind], 1, 16, LIMIT)
        victim.stop()
        victim.start()
        with machine.wait_channel(CHANNEL, core="process", timeout=LIMIT).open() as again:
            one_round_trip(again, 2, 16, LIMIT)
        for endpoint in endpoints.values():
            endpoint.close()


def test_a_killed_core_recovers_by_itself_and_says_how_it_ended(images: Images) -> None:
    with _machine(images, "process") as machine:
        victim = machine["process"]
        for number in (1, 2):
            before = victim.pid
            assert before is not None
            os.kill(before, signal.SIGKILL)
            victim.rproc.wait_crashes(number, LIMIT)
            victim.wait_state(State.RUNNING, timeout=LIMIT)
            assert victim.pid != before
            assert victim.crash is not None
            assert "SIGKILL" in victim.crash.cause
            with machine.wait_channel(CHANNEL, timeout=LIMIT).open() as endpoint:
                one_round_trip(endpoint, number, 16, LIMIT)


def test_every_kind_recovers_from_a_reported_crash(images: Images, kind: str) -> None:
    with _machine(images, kind, recovery={"enabled": False}) as machine:
        core = machine[kind]
        core.rproc.report_crash()
        core.wait_state(State.CRASHED, timeout=LIMIT)
        core.recover()
        assert core.state is State.RUNNING
        with machine.wait_channel(CHANNEL, timeout=LIMIT).open() as endpoint:
            one_round_trip(endpoint, 1, 16, LIMIT)


def test_a_core_that_recovers_leaves_a_core_dump_where_the_settings_say(
    images: Images, tmp_path: Path
) -> None:
    dumps = {"mode": "enabled", "folder": str(tmp_path / "dumps")}
    with _machine(images, "process", coredump=dumps) as machine:
        core = machine["process"]
        core.rproc.report_crash()
        core.rproc.wait_crashes(1, LIMIT)
        core.wait_state(State.RUNNING, timeout=LIMIT)
    dump = tmp_path / "dumps" / "process-1.core"
    assert dump.read_bytes()[:4] == b"\x7fELF"
    # What the core had written into its trace buffer is in it.
    assert b"echo: booted" in dump.read_bytes()
    assert f"core dump of process is {dump}" in str(machine.log)


def test_leaving_a_machine_ends_the_wait_for_a_recovery(images: Images) -> None:
    rarely = {"backoff": 3600, "max_backoff": 3600}
    with _machine(images, "library", recovery=rarely) as machine:
        core = machine["library"]
        for number in (1, 2):
            core.wait_state(State.RUNNING, timeout=LIMIT)
            core.rproc.report_crash()
            core.rproc.wait_crashes(number, LIMIT)
    assert core.state.value == "offline"
    for thread in threading.enumerate():
        if thread.name.startswith("rproc-recovery"):
            thread.join(LIMIT)
            assert not thread.is_alive()


def test_a_python_core_can_have_an_interpreter_of_its_own(images: Images) -> None:
    machine = Machine()
    machine.add("mirror", kind="python", firmware=images["python"], process=True)
    before = children()
    with machine, machine.wait_channel(CHANNEL, timeout=LIMIT).open() as endpoint:
        assert len(children() - before) == 1
        round_trips(endpoint, 16, 20, timeout=LIMIT)
    assert children() <= before


def test_many_threads_echo_through_endpoints_of_their_own(images: Images) -> None:
    # One at a time per core: the echo answers whoever asked last, which is the sender.
    errors: list[BaseException] = []

    def echo(machine: Machine, kind: str) -> None:
        try:
            with machine.wait_channel(CHANNEL, core=kind).open() as endpoint:
                assert round_trips(endpoint, 32, 200, timeout=LIMIT).num == 200
        except BaseException as error:
            errors.append(error)

    with _machine(images, "library", "process", "python") as machine:
        threads = [threading.Thread(target=echo, args=(machine, kind)) for kind in machine for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT * 3)
    assert errors == []


def test_throughput_counts_every_message(images: Images, kind: str) -> None:
    with _machine(images, kind) as machine, machine.wait_channel(CHANNEL).open() as endpoint:
        assert throughput(endpoint, 64, 500, timeout=LIMIT).num == 500


def test_an_answer_that_differs_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "liar.py"
    file.write_text(
        "from cores import PythonCore\n"
        "class Liar(PythonCore):\n"
        "    services = ('rpmsg-echo',)\n"
        "    def on_message(self, ept, data, src):\n"
        "        ept.send(data[::-1], src)\n",
        encoding="utf-8",
    )
    machine = Machine()
    machine.add("liar", kind="python", firmware=f"{file}:Liar")
    with machine, machine.wait_channel(CHANNEL).open() as endpoint, pytest.raises(EchoError):
        one_round_trip(endpoint, 1, 16, LIMIT)


def test_a_machine_file_boots_every_kind(images: Images, tmp_path: Path) -> None:
    file = tmp_path / "car.toml"
    cores = "\n".join(f'[core.{kind}]\nkind = "{kind}"\nfirmware = "{images[kind]}"' for kind in images)
    file.write_text(cores, encoding="utf-8")
    with Machine.load(file) as machine:
        assert machine.name == "car"
        for kind in images:
            machine.wait_channel(CHANNEL, core=kind, timeout=LIMIT)


def test_repr_says_who_is_in_which_state(images: Images) -> None:
    machine = _machine(images, "library")
    assert repr(machine) == "<Machine test: library offline>"
    assert repr(machine["library"]) == "<HostCore library (library) offline>"
