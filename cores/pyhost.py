# SPDX-License-Identifier: Apache-2.0
"""``python -m cores.pyhost FILE:CLASS``: a Python core as a process; ``--image`` writes its image instead."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cores.errors import CoreError
from cores.pyload import build_image, load_class, split_name


def main(arguments: Sequence[str]) -> int:
    """Run the core over the control socket ECUSDK_FD; 0: it was stopped, 1: it failed, 2: usage."""
    only_image = arguments[:1] == ["--image"]
    names = arguments[1:] if only_image else arguments
    control = os.environ.pop("ECUSDK_FD", "")
    if len(names) != 1 or not control.isdigit():
        print("usage: python -m cores.pyhost [--image] FILE:CLASS, started by a host", file=sys.stderr)
        return 2
    # Programs that the core starts must not hold the socket, or the host would not see this core end.
    os.set_inheritable(int(control), False)
    file, class_name = split_name(names[0])
    try:
        core_class = load_class(Path(file), class_name)
        if only_image:
            sys.stdout.buffer.write(build_image(core_class.resource_table))
            return 0
    except CoreError as error:
        # The host takes these three lines apart.
        print(*(f"<3>{part}" for part in (error.strerror, error.hint, error.rule)), sep="\n", file=sys.stderr)
        return 1
    # Late: an image is made without the compiled extension.
    from cores.pyrun import run

    return 1 if run(core_class, int(control), sys.stderr.fileno()) < 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
