# SPDX-License-Identifier: Apache-2.0
"""What the command ``rpmsg`` can do."""

from rprochost.cli import rpmsg_bench, rpmsg_ls, rpmsg_ping, rpmsg_recv, rpmsg_send

ABOUT = "Talk to remote cores over rpmsg: boots the cores, does its work, stops them."
VERBS = (rpmsg_ls.VERB, rpmsg_ping.VERB, rpmsg_send.VERB, rpmsg_recv.VERB, rpmsg_bench.VERB)
