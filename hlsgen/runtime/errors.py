"""What can go wrong with a board, each as one message that says what to do."""

from __future__ import annotations

import importlib
from types import ModuleType


class DeviceError(Exception):
    """The board did not do what it should: no answer, too many answers, in use by others."""


class DriverMissing(DeviceError):
    """A Python module or program that the transport needs is not there."""


class BadInput(DeviceError):
    """Samples, options or files that cannot be used as they are."""


def driver(name: str, advice: str) -> ModuleType:
    """The driver module `name`.

    Raises:
        DriverMissing: it cannot be imported; the message ends with `advice`.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DriverMissing(f"{name.partition('.')[0]} is missing ({error}): {advice}") from None
