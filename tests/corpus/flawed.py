# SPDX-License-Identifier: Apache-2.0
"""For rules of the validator that no loader has: a file that Linux accepts and the rule finds."""

import struct

from resource_tables import ADDR_ANY, Carveout, Devmem, SegmentSpec, Trace, Unknown, Vdev, Vring, elf_image
from tests.corpus import change
from tests.corpus.broken import GOOD
from tests.corpus.layouts import image, rpmsg, table
from tests.resource_tables.strategies import (
    raw_carveout,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)

_RING = Vring(num=256, align=4096)
_RPMSG = rpmsg(256, 4096)
_NOBITS = 8
_WRITE = 1


def _rings(*rings: Vring, id_: int = 7, dfeatures: int = 1, status: int = 0) -> Vdev:
    return Vdev(id=id_, dfeatures=dfeatures, vrings=rings, status=status)


def _carveout(name: str, da: int = ADDR_ANY, size: int = 0x1000, pa: int = 0, flags: int = 0) -> bytes:
    return table(Carveout(name=name, da=da, size=size, pa=pa, flags=flags))


def _named(carveout: Carveout, vdev: Vdev = _RPMSG) -> bytes:
    return table(carveout, vdev)


def _devmem(da: int, pa: int = 0x48000000, size: int = 0x1000) -> Devmem:
    return Devmem(name="uart", da=da, pa=pa, size=size)


def _inside_the_array() -> bytes:
    """Return a table whose first entry is the offset array itself: a type that Linux skips."""
    return struct.pack("<6I", 1, 2, 0, 0, 16, 24) + raw_trace()


def _shared() -> bytes:
    """Return a table with one entry twice."""
    return struct.pack("<6I", 1, 2, 0, 0, 24, 24) + raw_trace()


#: By rule: bare tables.
TABLES: dict[str, bytes] = {
    "v09-empty": table(),
    "v11-odd-offset": struct.pack("<5I", 1, 1, 0, 0, 21) + b"\0" + raw_trace(),
    "v12-entry-in-offset-array": _inside_the_array(),
    "v13-entry-twice": _shared(),
    "v14-slack": table(_RPMSG, size=140),
    "v15-large-slack": table(_RPMSG, size=16384),
    "v16-attach-window": table(*(Carveout(name=f"c{n}", size=0x1000) for n in range(20)), _RPMSG),
    "v17-type-of-nobody": table(Unknown(type=5, body=bytes(28)), _RPMSG),
    "v18-vendor-type": table(Unknown(type=130, body=bytes(28)), _RPMSG),
    "v20-config-over-next-entry": raw_table(raw_vdev(raw_vring(), raw_vring(), config_len=16), raw_trace()),
    "v22-name-without-nul": raw_table(raw_carveout(b"n" * 32)),
    "v23-name-with-space": raw_table(raw_carveout(b"my memory")),
    "v24-carveout-last": table(_RPMSG, Carveout(name="code", size=0x1000)),
    "v26-name-empty": raw_table(raw_carveout(b"")),
    "v27-name-percent": _carveout("50%"),
    "v28-len-0": _carveout("code", size=0),
    "v29-odd-len": _carveout("code", size=0x1234),
    "v30-past-4-gib": _carveout("code", 0xFFFFF000, 0x2000),
    "v31-overlap": raw_table(raw_carveout(b"a", da=0x10000, size=0x2000), raw_carveout(b"b", da=0x11000)),
    "v32-da-0": _carveout("code", 0),
    "v33-no-region": _carveout("code", 0x70000000),
    "v34-region-too-small": _carveout("small", 0x30000000, 0x2000),
    "v35-len-2-gib": _carveout("code", size=0x80000000),
    "v36-flags": _carveout("code", flags=0x40),
    "v37-pa": _carveout("code", pa=0x80000000),
    "v38-ring-carveout-too-small": _named(Carveout(name="vdev0vring0", size=0x1000)),
    "v39-ring-carveout-elsewhere": _named(
        Carveout(name="vdev0vring0", da=0x10000, size=0x4000), rpmsg(256, 4096, 0x20000, 0x30000)
    ),
    "v40-buffer-carveout-too-small": _named(Carveout(name="vdev0buffer", size=0x1000)),
    "v41-misspelt-name": _named(Carveout(name="vdev0_buffer", size=0x40000)),
    "v42-devmem": table(_devmem(0x48000000)),
    "v43-devmem-unaligned": table(_devmem(0x48000010)),
    "v44-devmems-overlap": table(_devmem(0x48000000, size=0x2000), _devmem(0x48001000, 0x49000000)),
    "v45-devmem-is-ram": table(_devmem(0x10000000, 0x20000000)),
    "v46-trace-len-0": raw_table(raw_trace(size=0)),
    "v47-trace-nowhere": table(Trace(name="trace0", da=0x70000000, size=0x1000)),
    "v48-trace-over-ring": table(rpmsg(256, 4096, 0x10000, 0x14000), Trace(name="t", da=0x10000, size=64)),
    "v49-one-vring": table(_rings(_RING)),
    "v50-unknown-device": table(_rings(_RING, _RING, id_=3)),
    "v51-no-name-service": table(_rings(_RING, _RING, dfeatures=0)),
    "v52-feature": table(_rings(_RING, _RING, dfeatures=1 | 1 << 24)),
    "v53-driver-ok-preset": table(_rings(_RING, _RING, status=4)),
    "v54-notify-ids": table(rpmsg(256, 4096, ids=(7, 7))),
    "v55-num-0": table(_rings(_RING, Vring(num=0, align=4096))),
    "v55-align-0": table(_rings(Vring(num=256, align=0), _RING)),
    "v56-num-3": table(rpmsg(3, 4096)),
    "v57-align-3": table(rpmsg(256, 3)),
    "v58-rings-differ": table(_rings(_RING, Vring(num=128, align=4096))),
    "v59-ring-unaligned": table(rpmsg(256, 4096, 0x10010, 0x14000)),
    "v60-rings-overlap": table(rpmsg(256, 4096, 0x10000, 0x11000)),
}


def _with_segments(*segments: SegmentSpec, raw: bytes = b"") -> bytes:
    code = SegmentSpec(paddr=0x1000, data=bytes(range(64)))
    held = raw or table(Carveout(name="code", da=0x1000, size=0x10000))
    return elf_image(
        held, elf_class=32, machine=40, table_addr=0x2000, segments=(code, *segments), entry=0x1000
    )


def _high() -> bytes:
    """Return an ELF64 image with a segment beyond 32 bits."""
    high = SegmentSpec(paddr=0x1_0000_1000, data=b"high")
    return elf_image(table(_RPMSG), machine=183, table_addr=0x2000, segments=(high,))


_OVER_RING = SegmentSpec(paddr=0x30000, data=b"data")

#: By rule: images.
IMAGES: dict[str, bytes] = {
    "v02-two-tables": change.with_section_twice(GOOD, 1),
    "v03-nobits": change.section(GOOD, 1, type=_NOBITS),
    "x03-program-headers-cut": change.header(GOOD, phoff=len(GOOD) - 40),
    "x04-extended-numbering": change.header(GOOD, phnum=0xFFFF),
    "x05-filesz-over-memsz": change.segment(GOOD, 1, memsz=16),
    "x05-segment-cut": change.segment(GOOD, 1, offset=len(GOOD) - 16),
    "x06-segment-nowhere": _with_segments(SegmentSpec(paddr=0x70000000, data=b"data")),
    "x07-beyond-32-bits": _high(),
    "x08-segments-overlap": _with_segments(SegmentSpec(paddr=0x1010, data=b"data")),
    "x09-segment-over-ring": _with_segments(_OVER_RING, raw=table(rpmsg(256, 4096, 0x30000, 0x34000))),
    "x10-table-nowhere": image(table(_RPMSG), at=0x70000000, code_at=0x10000000),
    "x11-table-not-loaded": change.segment(GOOD, 0, type=4),
    "x12-table-elsewhere": change.section(change.segment(GOOD, 0, vaddr=0x3000), 1, addr=0x3000),
    "x13-table-read-only": change.segment(GOOD, 0, flags=4),
    "x14-table-not-allocated": change.section(GOOD, 1, flags=_WRITE),
    "x15-entry-outside": change.header(GOOD, entry=0x5000),
    "x16-table-unaligned": image(table(_RPMSG), at=0x2001, code_at=0x1000),
    "x17-machine": change.header(GOOD, machine=8),
    "x18-more-than-there-is": image(
        table(Carveout(name="heap", size=0x10000000), _RPMSG), at=0x2000, code_at=0x1000
    ),
}
