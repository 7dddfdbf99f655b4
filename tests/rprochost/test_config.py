# SPDX-License-Identifier: Apache-2.0
"""machine.toml: every key, every kind of mistake."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ADDR_ANY, Region
from rproc import Recovery
from rprochost import ConfigError
from rprochost.config import core_settings, load_settings
from rprochost.settings import (
    CoredumpSettings,
    MachineSettings,
    MemorySettings,
    RecoverySettings,
    RpmsgSettings,
    WaitSettings,
)

EVERY_KEY = """\
[machine]
name = "car"
firmware_path = "images"

[core.door]
kind = "process"
firmware = "door.elf"
args = ["-v", ""]
env = { LANG = "C" }
cwd = "run"
auto_boot = false
boot_timeout = 2
log_level = "warn"
isolation = "strict"
on_violation = "crash"

[core.door.memory]
base = 0x5000_0000
limit = 0x10_0000

[[core.door.memory.region]]
name = "vdev0buffer"
da = 0x6000_0000
size = 0x8000

[[core.door.memory.region]]
name = "scratch"
da = "any"
size = 4096
kind = "tcm"

[core.door.rpmsg]
buffer_size = 1024
num = 64
tx_timeout = 0.5
inbox = 16

[core.door.wait]
spin_us = 0

[core.door.recovery]
enabled = false
attempts = 3
stable = 60
backoff = 0.5
max_backoff = 30

[core.door.coredump]
mode = "inline"
sections = true
folder = "dumps"

[core.mirror]
kind = "python"
firmware = "./ecus.py:Echo"
process = true
"""

Load = Callable[[str], MachineSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a machine file with this text."""

    def write_and_load(text: str) -> MachineSettings:
        file = tmp_path / "machine.toml"
        file.write_text(text, encoding="utf-8")
        return load_settings(file)

    return write_and_load


def test_every_key_reaches_its_field(load: Load, tmp_path: Path) -> None:
    machine = load(EVERY_KEY)
    door, mirror = machine.cores
    assert (machine.name, machine.firmware_path, machine.path) == (
        "car",
        tmp_path / "images",
        tmp_path / "machine.toml",
    )
    assert (door.kind, door.firmware, door.search) == ("process", "door.elf", tmp_path / "images")
    assert (door.args, dict(door.env), door.cwd) == (("-v", ""), {"LANG": "C"}, tmp_path / "run")
    assert (door.auto_boot, door.boot_timeout, door.log_level) == (False, 2.0, 4)
    assert (door.isolation, door.on_violation, door.process) == ("strict", "crash", False)
    regions = (
        Region("vdev0buffer", 0x6000_0000, 0x6000_0000, 0x8000),
        Region("scratch", ADDR_ANY, 0, 4096, "tcm"),
    )
    assert door.memory == MemorySettings(0x5000_0000, 0x10_0000, regions)
    assert door.rpmsg == RpmsgSettings(1024, 64, 0.5, 16)
    assert door.wait == WaitSettings(0)
    assert door.coredump == CoredumpSettings("inline", True, tmp_path / "dumps")
    assert door.recovery == RecoverySettings(False, 3, 60.0, 0.5, 30.0)
    assert (mirror.name, mirror.kind, mirror.firmware, mirror.process) == (
        "mirror",
        "python",
        "ecus.py:Echo",
        True,
    )
    assert mirror.search == tmp_path


def test_the_time_to_stop_is_a_key_of_a_core(load: Load) -> None:
    door, roof = load('[core.door]\nfirmware = "x"\n[core.roof]\nfirmware = "x"\nstop_timeout = 0.25\n').cores
    assert (door.stop_timeout, roof.stop_timeout) == (2.0, 0.25)


def test_a_folder_that_is_given_takes_the_place_of_the_files(load: Load, tmp_path: Path) -> None:
    load('[machine]\nfirmware_path = "old"\n[core.a]\nfirmware = "x"\n[core.b]\nfirmware = "./y"\n')
    machine = load_settings(tmp_path / "machine.toml", "new")
    assert machine.firmware_path == Path.cwd() / "new"
    assert [core.search for core in machine.cores] == [Path.cwd() / "new", tmp_path]


def test_the_key_that_the_error_about_two_rings_at_address_0_names_exists(load: Load) -> None:
    text = '[core.door]\nfirmware = "x"\n[core.door.memory]\nzero_is_any = true\n'
    assert load(text).cores[0].memory.zero_is_any


def test_defaults_are_those_of_the_documentation(load: Load, tmp_path: Path) -> None:
    machine = load('[core.door]\nfirmware = "door.elf"\n')
    (door,) = machine.cores
    assert (machine.name, machine.firmware_path) == ("machine", tmp_path)
    assert (door.kind, door.auto_boot, door.boot_timeout, door.log_level) == ("process", True, 5.0, 7)
    assert (door.isolation, door.on_violation, door.process, door.cwd) == ("normal", "drop", False, None)
    assert door.memory == MemorySettings(0x4000_0000, 256 << 20, ())
    assert door.rpmsg == RpmsgSettings(512, None, 15.0, 4096)
    assert door.wait.spin_us == 20
    assert (door.coredump.mode, door.coredump.sections, door.coredump.folder) == ("disabled", False, None)
    assert Recovery(**asdict(door.recovery)) == Recovery()


def test_a_path_is_relative_to_the_file_and_a_bare_name_to_firmware_path(load: Load, tmp_path: Path) -> None:
    machine = load(
        '[machine]\nfirmware_path = "images"\n[core.a]\nfirmware = "a.elf"\n'
        '[core.b]\nfirmware = "sub/b.elf"\n[core.c]\nfirmware = "/opt/c.elf"\n'
        '[core.d]\nfirmware = "../d.elf"\n'
    )
    places = {core.name: core.search / core.firmware for core in machine.cores}
    assert places["a"] == tmp_path / "images" / "a.elf"
    assert places["b"] == tmp_path / "sub" / "b.elf"
    assert places["c"] == Path("/opt/c.elf")
    assert places["d"].resolve() == tmp_path.parent / "d.elf"


@pytest.mark.parametrize(
    ("table", "key", "nearest"),
    [
        ("core.door", "firmwar", "firmware"),
        ("core.door", "autoboot", "auto_boot"),
        ("core.door", "boot_time", "boot_timeout"),
        ("core.door", "rpmgs", "rpmsg"),
        ("core.door.memory", "regions", "region"),
        ("core.door.memory", "limits", "limit"),
        ("core.door.rpmsg", "buffersize", "buffer_size"),
        ("core.door.wait", "spin_ms", "spin_us"),
        ("machine", "firmwarepath", "firmware_path"),
    ],
)
def test_an_unknown_key_names_the_nearest_with_file_line_and_table(
    load: Load, table: str, key: str, nearest: str
) -> None:
    head = "" if table == "core.door" else '[core.door]\nfirmware = "x"\n'
    text = f"{head}[{table}]\n{key} = 1\n"
    with pytest.raises(ConfigError, match=f'unknown key "{key}"') as caught:
        load(text)
    assert nearest in caught.value.hint
    assert caught.value.rule == "CONFIG_KEY"
    assert (caught.value.table, caught.value.line) == (table, text.splitlines().index(f"{key} = 1") + 1)
    assert f"machine.toml:{caught.value.line}: [{table}]" in str(caught.value)


def test_an_unknown_key_like_no_other_lists_the_known_ones(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load('[core.door]\nfirmware = "x"\nzzzzzz = 1\n')
    assert "auto_boot, boot_timeout" in caught.value.hint


def test_an_unknown_table_names_the_nearest(load: Load) -> None:
    with pytest.raises(ConfigError, match='unknown key "cores"') as caught:
        load('[cores.door]\nfirmware = "x"\n')
    assert '"core"' in caught.value.hint


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("kind = 1", "kind must be a string"),
        ('kind = ""', "kind must be a string that is not empty"),
        ("firmware = true", "firmware must be a string that is not empty, not a boolean"),
        ('firmware = ".."', "firmware must be a file name or a path"),
        ('firmware = "sub/.."', "firmware must be a file name or a path"),
        ('args = "-v"', "args must be an array of strings, not a string '-v'"),
        ("args = [1]", "args must be an array of strings"),
        ('args = ["a\\u0000b"]', "args must be an array of strings"),
        ('env = ["A=1"]', "env must be a table of strings, not an array"),
        ("env = { A = 1 }", "env must be a table of strings"),
        ('env = { "A=B" = "1" }', "env must be a table of strings"),
        ("cwd = 3", "cwd must be a string"),
        ('auto_boot = "yes"', "auto_boot must be true or false, not a string 'yes'"),
        ("auto_boot = 1", "auto_boot must be true or false, not an integer 1"),
        ('boot_timeout = "5"', "boot_timeout must be a number of seconds above 0"),
        ("boot_timeout = 0", "boot_timeout must be a number of seconds above 0"),
        ("boot_timeout = nan", "boot_timeout must be a number of seconds above 0"),
        ("log_level = 8", "log_level must be a level from 0 to 7"),
        ('log_level = "loud"', "log_level must be a level from 0 to 7"),
        ("process = 1", "process must be true or false"),
        ("process = true", "process is an option of Python cores"),
        ('isolation = "total"', 'isolation must be "normal" or "strict"'),
        ('coredump.mode = "on"', 'mode must be "disabled" or "enabled" or "inline"'),
        ('on_violation = "panic"', 'on_violation must be "drop" or "crash"'),
        ("memory = 1", "must be a table, not an integer"),
        ("memory = { base = -1 }", "base must be a multiple of 4096 from 0"),
        ("memory = { base = 1.5 }", "base must be a multiple of 4096"),
        ("memory = { limit = 0 }", "limit must be an integer from 4096"),
        ("memory = { region = 1 }", "region must be an array of tables"),
        ("memory = { region = [1] }", "must be a table, not 1"),
        ('memory = { region = [{ name = "a" }] }', '"size" is missing'),
        ("memory = { region = [{ size = 4096 }] }", '"name" is missing'),
        ('memory = { region = [{ name = "a", size = 0 }] }', "size must be an integer from 1"),
        ('memory = { region = [{ name = "a", size = 1, da = -1 }] }', "da must be an integer from 0"),
        ('memory = { region = [{ name = "a", size = 1, da = 0xffffffff }] }', "means any address"),
        ('memory = { region = [{ name = "a", size = 3, da = 0xfffffffe }] }', "reaches above 4 GiB"),
        ('memory = { region = [{ name = "a", size = 0x100000001 }] }', "reaches above 4 GiB"),
        ('memory = { region = [{ name = "uart", size = 4, kind = "device" }] }', "no such hardware here"),
        ('memory = { region = [{ name = "a", size = 4, kind = "flash" }] }', "kind must be one of ram,"),
        ("rpmsg = { buffer_size = 16 }", "buffer_size must be a multiple of 8 from 32"),
        ("rpmsg = { num = 0 }", "num must be an integer from 1 to 32768"),
        ("rpmsg = { tx_timeout = -1 }", "tx_timeout must be a number of seconds above 0"),
        ("rpmsg = { inbox = true }", "inbox must be an integer"),
        ("wait = { spin_us = -1 }", "spin_us must be an integer from 0"),
        ("wait = []", "must be a table, not an array"),
    ],
)
def test_a_wrong_type_or_value_says_what_it_must_be(load: Load, line: str, words: str) -> None:
    first = "" if line.startswith("firmware") else 'firmware = "x"\n'
    with pytest.raises(ConfigError) as caught:
        load(f"[core.door]\n{first}{line}\n")
    assert words in str(caught.value)
    assert caught.value.rule in ("CONFIG_VALUE", "CONFIG_MISSING")


def test_a_core_without_firmware_is_refused(load: Load) -> None:
    with pytest.raises(ConfigError, match=r'\[core\.door\]: "firmware" is missing'):
        load('[core.door]\nkind = "library"\n')


@pytest.mark.parametrize("name", ["a/b", "a:b", "", r"a\u001b"])
def test_a_name_that_no_command_could_say_is_refused(load: Load, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a core"):
        load(f'[core."{name}"]\nfirmware = "x"\n')


@pytest.mark.parametrize("text", ["core = 1\n", "machine = []\n", "[core]\ndoor = 1\n"])
def test_a_value_where_a_table_belongs_is_refused(load: Load, text: str) -> None:
    with pytest.raises(ConfigError, match="must be a table"):
        load(text)


def test_broken_toml_says_where(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"machine\.toml: not TOML: .*line 2") as caught:
        load("[machine]\nname = \n")
    assert caught.value.rule == "CONFIG_SYNTAX"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not TOML"):
        load_settings(file)


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_settings(tmp_path / "none.toml")


def test_a_mistake_in_the_second_region_is_found_on_its_line(load: Load) -> None:
    text = EVERY_KEY.replace('name = "scratch"', 'nam = "scratch"')
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert caught.value.line == text.splitlines().index('nam = "scratch"') + 1
    assert (caught.value.rule, caught.value.table) == ("CONFIG_KEY", "core.door.memory.region.1")
    assert caught.value.hint == 'did you mean "name"?'


def test_options_of_add_are_checked_like_a_table(tmp_path: Path) -> None:
    core = core_settings("door", {"firmware": tmp_path / "x.elf", "rpmsg": {"num": 8}}, tmp_path)
    assert (core.search, core.firmware, core.rpmsg.num) == (tmp_path, "x.elf", 8)
    with pytest.raises(ConfigError, match='unknown key "boottimeout"') as caught:
        core_settings("door", {"firmware": "x", "boottimeout": 1}, tmp_path)
    assert caught.value.path is None


@given(st.text())
def test_any_text_is_settings_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        load_settings(file)
    except ConfigError as error:
        assert str(error)


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["kind", "firmware", "args", "env", "memory", "rpmsg", "wait", "process", "log_level", "x"]
)


@given(st.dictionaries(_KEYS, _VALUES))
def test_any_options_are_settings_or_a_config_error(options: dict[str, object]) -> None:
    try:
        core = core_settings("door", options, Path("/firmware"))
    except ConfigError as error:
        assert error.rule.startswith("CONFIG_")
    else:
        assert core.firmware == Path(str(options["firmware"])).name


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "1" * 5000, "x = ", "\xff"])
def test_a_file_that_is_no_toml_is_named_however_strange_it_is(text: str, tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="not TOML") as caught:
        load_settings(file)
    assert (caught.value.rule, caught.value.path) == ("CONFIG_SYNTAX", file)
