"""The errors a user can cause or meet, each with the exit code that `hlsgen` returns for it."""

from __future__ import annotations

from typing import ClassVar


class HlsgenError(Exception):
    """Base of every error that is reported as a message instead of a traceback."""

    exit_code: ClassVar[int] = 1


class CheckFailed(HlsgenError):
    """A verification mismatch, or a limit of the project exceeded."""

    exit_code = 1


class ConfigError(HlsgenError):
    """A project, board or option that cannot be used as written."""

    exit_code = 2


class ToolMissing(HlsgenError):
    """A program that a stage needs is not installed, or too old."""

    exit_code = 3


class ToolFailed(HlsgenError):
    """A program ran and failed, or ended without making what it should make."""

    exit_code = 4


class GraphError(HlsgenError):
    """A network, graph or graph file that breaks a rule of the graph."""

    exit_code = 5
