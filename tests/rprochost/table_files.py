# SPDX-License-Identifier: Apache-2.0
"""One table as TOML, as values and with faults, and the command on it."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

from resource_tables import ResourceTable, Trace, Vdev, Vring
from tests.resource_tables.strategies import raw_table, raw_trace, raw_vdev, raw_vring
from tests.rprochost.conftest import LIMIT, command

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TOML = """\
[[entry]]
type = "vdev"
id = 7
dfeatures = 0x1

[[entry.vring]]
da = "any"
align = 4096
num = 16

[[entry.vring]]
da = "any"
align = 4096
num = 16

[[entry]]
type = "trace"
name = "trace0"
da = 0x1000
len = 0x100
"""
RINGS = (Vring(align=4096, num=16), Vring(align=4096, num=16))
TABLE = ResourceTable((Vdev(id=7, dfeatures=1, vrings=RINGS), Trace(da=0x1000, size=256, name="trace0")))
#: Version 2, a vdev without descriptors in its second ring, and an entry that is cut off.
FAULTY = raw_table(raw_vdev(raw_vring(), raw_vring(num=0)), raw_trace(), version=2)[:-8]


def record(said: "subprocess.CompletedProcess[str]") -> Any:
    """Return the one record that a command wrote."""
    (line,) = said.stdout.splitlines()
    values = json.loads(line)
    assert values["schema"] == 1
    return values


def piped(data: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `rproc table` with bytes on standard input."""
    return subprocess.run(
        command("rproc", "table", *arguments), input=data, capture_output=True, timeout=LIMIT, check=False
    )
