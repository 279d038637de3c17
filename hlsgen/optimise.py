"""The stage opt: from the exported graph to the one that is emitted."""

from __future__ import annotations

from pathlib import Path

from hlsgen.errors import ConfigError
from hlsgen.graph import Graph, load, save
from hlsgen.graph.fabric import Fabric
from hlsgen.graph.parts import streams
from hlsgen.graph.segments import waits
from hlsgen.passes import Mapper, Record, opt
from hlsgen.passes.approximate import Allowed, Labelled, approximate
from hlsgen.passes.fold import Limits, fold, interval_of
from hlsgen.project import Hardware, Opt
from hlsgen.samples import load_labelled, load_samples


def optimise_files(
    folder: Path,
    wish: Opt,
    fabric: Fabric,
    hardware: Hardware,
    mapper: Mapper | None,
    limits: Limits | None = None,
) -> list[Path]:
    """Write final.* and opt.json to `folder`, and reference.* where the function may change.

    Args:
        folder: has export.*, samples.npz, and for changes train_samples.npz and val_samples.npz.
        wish: which changes of the function are allowed.
        fabric: the family that the graph is made for.
        hardware: clock, and frames a second of a network with engines.
        mapper: ABC, or None where it is not installed.
        limits: of all engines together, if any.

    Returns:
        The files that later stages depend on.

    Raises:
        GraphError: as `opt`.
        ConfigError: as `fold`.
        ConfigError: a change of the function is asked of a network that has none.
    """
    record = Record()
    if mapper is None:
        record.warnings.append("yosys-abc is not installed: tables are not mapped anew")
    graph, products = _reference(folder, wish, record)
    feeds = {graph.feeds()[0].name: load_samples(folder / "samples.npz")}
    clock_mhz = hardware.clock_mhz
    final = opt(graph, fabric, clock_mhz, feeds, mapper=mapper, record=record)
    if waits(final):
        interval = interval_of(clock_mhz, hardware.frames_per_s)
        final = fold(final, fabric, interval, limits or Limits())
    save(final, folder / "final")
    record.save(folder / "opt.json")
    # The record tells times: it is no product, since products are compared.
    return [*products, folder / "final.json", folder / "final.npz"]


def _reference(folder: Path, wish: Opt, record: Record) -> tuple[Graph, list[Path]]:
    """The graph that must be kept from here on, and its files where it is not the export."""
    graph = load(folder / "export")
    files = [folder / "reference.json", folder / "reference.npz"]
    for file in files:
        file.unlink(missing_ok=True)
    if not (wish.unseen or wish.narrow_words):
        return graph, []
    if streams(graph):
        wanted = "opt.unseen" if wish.unseen else "opt.narrow_words"
        raise ConfigError(
            f"{wanted} is set: changes of the function are not known for networks that take"
            " images pixel by pixel; leave it out"
        )
    x, y = load_labelled(folder / "val_samples.npz")
    # Behind the training samples lie those of validation.
    train = Labelled(
        *(part[: -len(y) or None] for part in load_labelled(folder / "train_samples.npz"))
    )
    allowed = Allowed(wish.unseen, wish.narrow_words, wish.accuracy_drop)
    graph = approximate(graph, allowed, train, Labelled(x, y), record)
    save(graph, folder / "reference")
    return graph, files
