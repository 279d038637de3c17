"""Memories of the families: blocks, and those made of LUTs."""

from __future__ import annotations

_KBIT_36 = ((72, 512), (36, 1024), (18, 2048), (9, 4096), (4, 8192), (2, 16384), (1, 32768))
_KBIT_18 = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
# Widths of the words of one block and how many there are, from the families' memory guides: AMD
# UG573 and UG473 (36 Kbit blocks), Lattice FPGA-TN-02204 (ECP5, 18 Kbit), FPGA-TN-02094 (Nexus,
# 18 Kbit) and FPGA-TN-02002 (iCE40, 4 Kbit), Gowin UG285 (18 Kbit). Of 7-series, Nexus and
# Gowin the guides are named from memory, their text was not at hand.
_SHAPES = {
    "xcup": _KBIT_36,
    "xc7": _KBIT_36,
    "ecp5": _KBIT_18,
    "nexus": _KBIT_18,
    "gowin": _KBIT_18,
    "ice40": ((16, 256), (8, 512), (4, 1024), (2, 2048)),
}
# Memories made of LUTs: words and bits of one, and the LUTs that it takes.
_OF_LUTS = {
    "xcup": (32, 14, 8),
    "xc7": (32, 6, 4),
    "ecp5": (16, 4, 4),
    "nexus": (16, 4, 4),
    "gowin": (16, 4, 8),
}
# Yosys makes a memory that is only read of tables up to about so many words.
_SHALLOW = {"xcup": 128, "xc7": 128, "ecp5": 64, "nexus": 64, "gowin": 64, "ice40": 64}


def blocks(family: str, words: int, bits: int) -> int:
    """Block memories for so many words of so many bits that are only read."""
    if words <= _SHALLOW[family]:
        return 0
    return min(-(-bits // wide) * -(-words // deep) for wide, deep in _SHAPES[family])


def rom_luts(family: str, inputs: int, words: int, bits: int) -> int:
    """LUTs of so many words that are only read and take no blocks: tables of `inputs` inputs."""
    if words > _SHALLOW[family] or words == 1:
        return 0
    tables = -(-words // (1 << inputs))
    return bits * (tables + (tables - 1 + 2) // 3)


def ram_luts(family: str, words: int, bits: int) -> int:
    """LUTs of so many words, few enough to take no blocks; none where they are registers."""
    if family not in _OF_LUTS:
        return 0
    deep, wide, luts = _OF_LUTS[family]
    banks = -(-words // deep)
    # Of several banks one is chosen.
    return banks * -(-bits // wide) * luts + bits * (banks > 1)
