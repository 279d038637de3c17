"""Running out of memory, told as what to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hlsgen.errors import ConfigError
from hlsgen.project import Project

# PyTorch has no error class of its own for the processor's memory.
_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def enough_memory(project: Project) -> Iterator[None]:
    """Turn a lack of memory inside into advice.

    Raises:
        ConfigError: there was too little memory; names the settings to lower.
    """
    try:
        yield
    except MemoryError as error:
        raise _advice(project, error) from error
    except RuntimeError as error:
        # torch.cuda.OutOfMemoryError is one of these too.
        if not any(word in str(error).lower() for word in _WORDS):
            raise
        raise _advice(project, error) from error


def _advice(project: Project, error: BaseException) -> ConfigError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ConfigError(
        f"out of memory in training ({reason}): lower train.batch, now {project.train.batch}, or"
        f" the widths of model.layers, now {list(project.model.layers)}; the next run goes on"
        " after the last whole epoch if only the machine's memory changes"
    )
