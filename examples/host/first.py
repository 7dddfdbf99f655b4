#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A first host program: boot a core, say hello, print the answer.

usage: first.py FIRMWARE    for example build/examples/libecho.so
"""

import sys

from rprochost import Machine
from rprochost.kinds import guess_kind


def main(firmware: str) -> None:
    """Boot the firmware, send one message and print what comes back."""
    machine = Machine(name="first")
    machine.add("door", kind=guess_kind(firmware), firmware=firmware)
    with machine, machine.wait_channel("rpmsg-echo").open() as endpoint:
        endpoint.send(b"hello, remote core")
        print(endpoint.recv(timeout=1.0).data.decode())


if __name__ == "__main__":
    main(sys.argv[1])
