"""Verification: what lies in a build folder against the interpreter."""

from hlsgen.verify.ladder import verify
from hlsgen.verify.sources import rtl_digest
from hlsgen.verify.verdict import Rung, Verdict

__all__ = ["Rung", "Verdict", "rtl_digest", "verify"]
