# SPDX-License-Identifier: Apache-2.0
"""How much memory a remote processor gets and where: the platform's part of the device addresses."""

from dataclasses import dataclass

from resource_tables import ADDR_ANY
from rproc.errors import CarveoutError
from virtio import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class PlatformCarveout:
    """Memory that the machine, not the table, provides: name, device address (or ADDR_ANY), size in bytes.

    Thread safety: immutable.
    """

    name: str
    da: int
    size: int


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """``base`` is where addresses begin that nobody fixed, ``limit`` the most bytes one boot may use.

    ``zero_is_any`` treats a vring's device address 0 as "any", which firmware of some vendors means and Linux
    does not know. Raises CarveoutError for values that no memory can have. Thread safety: immutable.
    """

    base: int = 0x4000_0000
    limit: int = 256 << 20
    carveouts: tuple[PlatformCarveout, ...] = ()
    zero_is_any: bool = False

    def __post_init__(self) -> None:
        if self.base % PAGE_SIZE or not 0 <= self.base < ADDR_ANY:
            raise CarveoutError(
                f"memory base {self.base:#x} is not a page address below 2^32",
                hint=f"Use a multiple of {PAGE_SIZE:#x}.",
            )
        for carveout in self.carveouts:
            if carveout.size <= 0 or (carveout.da != ADDR_ANY and carveout.da + carveout.size > 1 << 32):
                raise CarveoutError(
                    f"platform carveout {carveout.name}: [{carveout.da:#x}, +{carveout.size:#x}) cannot be",
                    hint="Sizes are positive and device addresses have 32 bits.",
                )
