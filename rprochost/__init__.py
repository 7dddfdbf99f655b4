# SPDX-License-Identifier: Apache-2.0
"""The host: a :class:`Machine` of remote cores, and the commands ``rproc`` and ``rpmsg``.

::

    from rprochost import Machine

    with Machine.load("machine.toml") as machine:
        with machine.wait_channel("rpmsg-echo").open() as endpoint:
            endpoint.send(b"hello")
            print(endpoint.recv(timeout=1.0).data)
"""

# Importing typing takes longer than all of this module, and until the commands run Ctrl-C is a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from rprochost.errors import (
        BuildError,
        ChannelTimeoutError,
        ConfigError,
        CoreCrashedError,
        HostError,
        MachineLeftError,
        NoSuchCoreError,
        SdkError,
    )
    from rprochost.host_core import HostCore
    from rprochost.machine import Machine

__all__ = [
    "BuildError",
    "ChannelTimeoutError",
    "ConfigError",
    "CoreCrashedError",
    "HostCore",
    "HostError",
    "Machine",
    "MachineLeftError",
    "NoSuchCoreError",
    "SdkError",
]


_MODULES = {"HostCore": "rprochost.host_core", "Machine": "rprochost.machine"}


def __getattr__(name: str) -> object:
    # `rproc table` and --help load neither NumPy nor the compiled extension: everything comes on first use.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES.get(name, "rprochost.errors")), name)
