"""Where a run trains: one device in this process, or several with a process for each (DDP)."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from threading import Thread
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.multiprocessing.spawn import ProcessContext, ProcessException, start_processes

from hlsgen.errors import ConfigError, HlsgenError, ToolFailed
from hlsgen.project import Train
from hlsgen.train.metrics import Metrics

# How long a message of a process may lie unread, and how long it may take to end when told to.
_POLL_S, _GRACE_S = 0.1, 5.0

# What a process hands over to be raised here; anything else comes as a traceback.
_HANDED_OVER = (HlsgenError, OSError, KeyboardInterrupt)

Report = Callable[[Any], None]
Work = Callable[..., Metrics]


def check_devices(settings: Train) -> None:
    """Check that this machine can train with `settings`.

    Raises:
        ConfigError: it cannot; the message says what is there.
    """
    kind = settings.accelerator
    there = torch.cuda.device_count() if kind == "cuda" else os.cpu_count() or 1
    what = "CUDA devices" if kind == "cuda" else "CPU cores"
    if not there:
        raise ConfigError(f"train.accelerator is {kind!r}: not available here; use 'cpu'")
    if settings.devices > there:
        raise ConfigError(
            f"train.devices is {settings.devices}: this machine has {there} {what}; use at most"
            f" {there}"
        )
    if settings.precision == "16-mixed" and kind == "cpu":
        raise ConfigError(
            "train.precision is '16-mixed': needs train.accelerator 'cuda'; on 'cpu' use"
            " '32-true' or 'bf16-mixed'"
        )


def run(work: Work, settings: Train, report: Report, *args: Any) -> Metrics:
    """What `work(fabric, report, *args)` returns on the devices of `settings`.

    With several devices a process is started for each, which imports the main module anew; `work`
    and `args` are pickled. One that fails or is interrupted ends all.

    Args:
        work: called in every process, with a Fabric that is launched.
        settings: accelerator, devices and precision.
        report: called here with what `work` reports in the first process.
        args: of `work`.

    Raises:
        ConfigError: this machine has no such devices.
        ToolFailed: a process was killed or failed in an unforeseen way.
    """
    check_devices(settings)
    if settings.devices == 1:
        with _one_thread():
            return work(_fabric(settings), report, *args)
    channel: SimpleQueue[Any] = get_context("spawn").SimpleQueue()
    rest = _free_port(), channel, settings, work, args
    context = start_processes(_process, rest, settings.devices, join=False, daemon=True)  # type: ignore[no-untyped-call]
    try:
        for message in _messages(context, channel):
            if isinstance(message, BaseException):
                raise message
            if isinstance(message, Metrics):
                return message
            report(message)
    finally:
        _end(context)
    raise ToolFailed("the training processes ended without a result")


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of PyTorch for a process: the same sums on every machine.

    The steps of small layers are too short to share: on two cores that others use as well, two
    threads trained MNIST seven times slower than one. `devices` is the way to use more cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fabric(settings: Train, **where: Any) -> Fabric:
    # It announces on stderr what the project file says.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=settings.accelerator,
        devices=settings.devices,
        precision=settings.precision,
        **where,
    )
    fabric.launch()
    return fabric


def _messages(context: ProcessContext, channel: SimpleQueue[Any]) -> Iterator[Any]:
    """All that the processes send, until they have ended."""
    ended, failure = False, None
    while not ended:
        try:
            ended = context.join(timeout=_POLL_S, grace_period=_GRACE_S)
        except ProcessException as error:
            ended, failure = True, error
        while not channel.empty():
            yield channel.get()
    # After the messages: what a process handed over explains more than how another one ended.
    if failure:
        raise ToolFailed(
            f"training process {failure.error_index} failed: {failure.msg.strip()};"
            " the next run goes on after the last whole epoch"
        )


def _end(context: ProcessContext) -> None:
    for process in context.processes:
        process.terminate()
    for process in context.processes:
        process.join(_GRACE_S)
        process.kill()


def _process(
    rank: int, port: int, channel: SimpleQueue[Any], settings: Train, work: Work, args: Any
) -> None:
    """One of the processes that `run` starts."""
    # To be terminated is to be interrupted: half-written files are then removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Thread(target=_follow, daemon=True).start()
    torch.set_num_threads(1)
    result: Metrics | BaseException
    try:
        fabric = _fabric(settings, strategy=DDPStrategy(cluster_environment=_Rank(rank, port)))
        result = work(fabric, ignore if rank else channel.put, *args)
    except _HANDED_OVER as error:
        result = error
    if rank == 0 or isinstance(result, BaseException):
        channel.put(result)
    # Everything is written and sent, and to take torch down in order lasts seconds.
    os._exit(0)


def _follow() -> None:
    """End this process when the one that started it has ended, even by SIGKILL."""
    if parent := parent_process():
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def ignore(_: Any) -> None:
    """The report where nobody listens, and of the processes after the first."""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class _Rank(LightningEnvironment):
    """Tells Fabric which of the processes this is and where they meet."""

    creates_processes_externally = True
    main_address = "127.0.0.1"
    main_port = 0

    def __init__(self, rank: int, port: int) -> None:
        super().__init__()
        self.rank, self.main_port = rank, port

    def local_rank(self) -> int:
        return self.rank

    def node_rank(self) -> int:
        return 0
