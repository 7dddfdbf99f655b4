# SPDX-License-Identifier: Apache-2.0
"""``rproc demo``: three remote cores, from C source to messages, in half a minute."""

import argparse

from rprochost.cli.common import Output, Verb, positive

EXAMPLES = """\
rproc demo
rproc demo --count 1000
rproc demo --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--count", type=positive, default=20000, help="pings per core (%(default)s)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run the demo; 1 when a step does not do what it claims."""
    from rprochost.demo.main import run_demo

    return run_demo(output, arguments.count)


VERB = Verb("demo", "boot three remote cores, talk to them, kill one", EXAMPLES, configure, run)
