"""Verification: what lies in a build folder against the interpreter."""

from hlsgen.verify.ladder import verify
from hlsgen.verify.verdict import Rung, Verdict

__all__ = ["Rung", "Verdict", "verify"]
