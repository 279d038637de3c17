"""Verification: what lies in a build folder against the interpreter."""

from hlsgen.verify.ladder import PARTS, assemble, verify, verify_part
from hlsgen.verify.sources import language_of, rtl_digest
from hlsgen.verify.verdict import Rung, Verdict

__all__ = [
    "PARTS",
    "Rung",
    "Verdict",
    "assemble",
    "language_of",
    "rtl_digest",
    "verify",
    "verify_part",
]
