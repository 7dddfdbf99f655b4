# SPDX-License-Identifier: Apache-2.0
"""How much memory the host takes for rings and buffers: for who wants to know before there is a host.

The rings themselves are laid out by the SDK's C code (``sdk/src/vring.c``), which is the authority; a test
compares the two.
"""

#: Page of the host, in bytes. Linux on AArch64 may have larger ones; no firmware can know.
PAGE = 4096

#: Linux drivers/rpmsg/virtio_rpmsg_bus.c: MAX_RPMSG_NUM_BUFS, MAX_RPMSG_BUF_SIZE.
MAX_BUFFERS = 512
BUFFER_BYTES = 512


def page_round(size: int) -> int:
    """Return ``size`` rounded up to whole pages of the host. Thread safety: any thread."""
    return -(-size // PAGE) * PAGE


def vring_bytes(num: int, align: int) -> int:
    """Return the bytes of a split ring of ``num`` descriptors in the legacy layout.

    Rounds as the kernel does, so that a shape no ring can have gives the kernel's number, too. Source: Linux
    include/uapi/linux/virtio_ring.h: vring_size; virtio 1.2, 2.7.2. Thread safety: any thread.
    """
    front = 16 * num + 2 * (3 + num)
    return (front + align - 1 & ~(align - 1)) + 6 + 8 * num


def buffers_bytes(num: int) -> int:
    """Return the bytes of all rpmsg buffers for a receive ring of ``num`` descriptors.

    Source: Linux drivers/rpmsg/virtio_rpmsg_bus.c: rpmsg_probe. Thread safety: any thread.
    """
    return min(2 * num, MAX_BUFFERS) * BUFFER_BYTES


def pool_bytes(size: int) -> int:
    """Return what an allocation of ``size`` bytes takes in a declared pool: a power-of-two number of pages.

    Source: Linux kernel/dma/coherent.c: __dma_alloc_from_coherent. Thread safety: any thread.
    """
    pages = -(-size // PAGE)
    return PAGE << max(pages - 1, 0).bit_length()
