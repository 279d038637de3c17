"""Copies of the core: how many, where, and a link file and kernel.xml that keep Vitis' rules."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from vitis_checks import (
    Kernel,
    check_link,
    kernel_of_cpp,
    kernel_of_verilog,
    kernel_of_xml,
    read_link,
)

from hlsgen.boards import Board, Resources, load_board
from hlsgen.build.replication import HBM_BYTES_PER_S, MOVERS, regions_of
from hlsgen.build.vitis import Core, core_of, plan, units_of
from hlsgen.errors import ConfigError
from hlsgen.graph import Graph
from hlsgen.passes import opt
from hlsgen.plan import Plan

BOARDS = ("u280", "u55c")


def board(name: str = "u280", resources: dict[str, int] | None = None, **vitis: object) -> Board:
    """A board with another [vitis] table, or with `resources` of another device."""
    found = load_board(name)
    assert found.vitis
    changed: dict[str, object] = {"vitis": found.vitis.model_copy(update=vitis)}
    if resources is not None:
        changed["resources"] = Resources(**resources)
    return found.model_copy(update=changed)


def planned(name: str, units: int, regions: list[str]) -> Plan:
    return plan(
        "digits", load_board(name), Core(2, 4), clock_mhz=250.0, sources=["rtl/digits_axis.v"],
        units=units, regions=regions,
    )  # fmt: skip


def kernels(made: Plan) -> list[Kernel]:
    """As the linker sees them: the movers' sources, and the network's kernel.xml."""
    movers = [
        kernel_of_cpp(name, str(made.files[f"vitis/{name}.cpp"])) for name in ("mm2s", "s2mm")
    ]
    return [*movers, kernel_of_xml(str(made.files["vitis/kernel.xml"]))]


def problems(text: str, made: Plan, name: str = "u280") -> list[str]:
    vitis = load_board(name).vitis
    assert vitis
    return check_link(text, kernels(made), vitis.memory, vitis.banks, vitis.regions)


# --- how many ---------------------------------------------------------------------------------


def test_a_small_core_takes_all_pairs_of_banks() -> None:
    assert [units_of(Core(2, 4, lut=1200), load_board(name)) for name in BOARDS] == [16, 16]
    assert units_of(Core(2, 4, lut=1200), board(banks=8)) == 4


def test_the_boards_file_overrides() -> None:
    assert units_of(Core(2, 4, lut=1200), board(units=3)) == 3
    with pytest.raises(ConfigError) as caught:
        units_of(Core(2, 4), board(units=17))
    assert str(caught.value) == (
        "board u280: [vitis] units is 17, must be at most 16: each unit has 2 of the 32 banks"
    )


@pytest.mark.parametrize(("kind", "per_unit"), [("lut", 12_000), ("ff", 20_000), ("bram36", 32)])
def test_the_scarcest_cells_decide(kind: str, per_unit: int) -> None:
    """A device with room for seven units in 60 % of one kind of cell, in one region."""
    assert MOVERS[kind] == per_unit
    plenty = {"lut": 10**7, "ff": 10**7, "bram36": 10**5}
    room = -(-7 * (per_unit + 100) * 10 // 6)
    small = board(resources=plenty | {kind: room}, regions=())
    assert units_of(Core(2, 4, **{kind: 100}), small) == 7
    smaller = board(resources=plenty | {kind: room - 2}, regions=())
    assert units_of(Core(2, 4, **{kind: 100}), smaller) == 6


def test_units_lie_whole_in_their_regions() -> None:
    """Two and a half in each third of the device are six, not seven."""
    room = int(2.5 * 100_000 * 3 / 0.6)
    core, where = Core(2, 4, lut=88_000), board(resources={"lut": room})
    assert units_of(core, where) == 6
    assert regions_of(core, where, 6) == ["SLR0"] * 2 + ["SLR1"] * 2 + ["SLR2"] * 2
    assert regions_of(core, where, 4) == ["SLR0", "SLR0", "SLR1", "SLR2"]
    assert units_of(core, board(resources={"lut": room}, regions=())) == 7
    assert regions_of(core, board(resources={"lut": room}, regions=()), 2) == ["", ""]


def test_a_core_larger_than_a_region_is_left_to_the_tool() -> None:
    core = Core(2, 4, lut=400_000)
    assert units_of(core, load_board("u280")) == 1
    assert regions_of(core, load_board("u280"), 1) == [""]


def test_not_even_one_fits() -> None:
    with pytest.raises(ConfigError) as caught:
        units_of(Core(2, 4, lut=900_000, bram36=2000), load_board("u280"))
    assert str(caught.value) == (
        "not even one unit fits on u280 (AMD Alveo U280): with its data movers it takes about"
        " 912,000 LUT where 782,208 of 1,303,680 are free for it: 129,792 too many; 2,032 block"
        " memories where 1,209 of 2,016 are free for it: 823 too many. Make the network smaller or"
        " fold it (`hlsgen fold`): no board of this flow is larger"
    )
    small = board(resources={"lut": 20_000})
    with pytest.raises(
        ConfigError, match=r"12,100 LUT where 12,000 .* fold`\), or use u280 or u55c"
    ):
        units_of(Core(2, 4, lut=100), small)


def test_frames_per_second_of_the_slowest_of_clock_core_and_memory() -> None:
    u280 = load_board("u280")
    assert Core(2, 4).frames_per_s(u280, 100.0) == 50e6, "the mover: two beats a frame"
    assert Core(2, 4, interval=10).frames_per_s(u280, 100.0) == 10e6, "the core"
    assert Core(2, 4).frames_per_s(u280, 300.0) == HBM_BYTES_PER_S / 128, "the memory"


def test_the_numbers_of_a_graph(small: Graph) -> None:
    u280 = load_board("u280")
    graph = opt(small, u280.logic, 100.0)
    core = core_of(graph, 512, u280.logic)
    assert (core.frame_beats, core.interval) == (1, 1)
    assert core.result_bits == graph.wires[graph.outputs[0]].width_bits
    assert core.lut > 0
    assert core.ff > 0


# --- the link file ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("units", [1, 2, 3, 7, 16])
def test_link_file_keeps_the_rules(name: str, units: int) -> None:
    regions = regions_of(Core(2, 4), load_board(name), units)
    made = planned(name, units, regions)
    text = str(made.files["vitis/link.cfg"])
    assert problems(text, made, name) == []
    link = read_link(text)
    banks = [re.findall(r"\[(\d+)\]", value)[0] for value in link.of("sp")]
    assert banks == [str(i) for i in range(2 * units)], "each stream has a bank of its own"
    per_region = [sum(value.endswith(region) for value in link.of("slr"))
                  for region in ("SLR0", "SLR1", "SLR2")]  # fmt: skip
    assert sum(per_region) == 3 * units
    assert max(per_region) - min(per_region) <= 3, "no more than a unit apart"
    for unit in range(1, units + 1):
        placed = {value.split(":")[1] for value in link.of("slr")
                  if re.match(rf"(mm2s|net|s2mm)_{unit}:", value)}  # fmt: skip
        assert len(placed) == 1, "a unit lies in one region"
    assert link.of("nk")[1] == f"digits_kernel:{units}:" + ",".join(
        f"net_{i}" for i in range(1, units + 1)
    )


def test_a_unit_without_region_has_no_slr_line() -> None:
    made = planned("u280", 1, [""])
    assert "slr" not in str(made.files["vitis/link.cfg"])
    assert problems(str(made.files["vitis/link.cfg"]), made) == []


def swapped(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "section": (swapped("[connectivity]", "[connect]"), "unknown section connect"),
    "key": (swapped("sp=mm2s_1", "spp=mm2s_1"), "is no line of connectivity"),
    "top key": (swapped("kernel_frequency", "kernel_clock"), "is no line of the top"),
    "clock": (swapped("0:250", "250MHz"), "not clock:MHz"),
    "kernel": (swapped("nk=mm2s", "nk=reader"), "not kernel:number:names of a linked kernel"),
    "dots": (swapped("mm2s_1,mm2s_2", "mm2s_1.mm2s_2"), "not kernel:number:names"),
    "number": (swapped("nk=s2mm:2", "nk=s2mm:3"), "names are not as many"),
    "twice": (swapped("net_1,net_2", "net_1,net_1"), "or not unique"),
    "unit": (swapped("mm2s_2.to_net", "mm2s_3.to_net"), "mm2s_3 has no output stream to_net"),
    "port": (swapped("net_2.in_frames", "net_2.frames"), "net_2 has no input stream frames"),
    "direction": (swapped("mm2s_1.to_net:net_1.in_frames", "net_1.in_frames:mm2s_1.to_net"),
                  "net_1 has no output stream in_frames"),
    "end twice": (swapped("mm2s_2.to_net", "mm2s_1.to_net"), "mm2s_1.to_net is connected 2 times"),
    "end open": (swapped("stream_connect=net_2.out_answers:s2mm_2.from_net\n", ""),
                 "s2mm_2.from_net is not connected"),
    "bank": (swapped("HBM[3]", "HBM[32]"), "the platform has HBM[0:31]"),
    "memory": (swapped("HBM[2]", "DDR[2]"), "the platform has HBM[0:31]"),
    "argument": (swapped("mm2s_1.frames", "mm2s_1.beats"), "has no argument beats in memory"),
    "no memory": (swapped("sp=s2mm_2.answers:HBM[3]\n", ""), "s2mm_2.answers has no memory"),
    "two memories": (swapped("sp=s2mm_2.answers", "sp=s2mm_1.answers"), "has 2 memories"),
    "region": (swapped("net_2:SLR1", "net_2:SLR3"), "no such unit, or no such region"),
    "region of none": (swapped("slr=net_2", "slr=net_3"), "no such unit, or no such region"),
    "two regions": (swapped("slr=net_2", "slr=net_1"), "net_1 has 2 regions"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_link_file_is_caught(name: str) -> None:
    change, message = WRONG[name]
    made = planned("u280", 2, ["SLR0", "SLR1"])
    text = str(made.files["vitis/link.cfg"])
    assert problems(text, made) == []
    assert change(text) != text
    assert message in "\n".join(problems(change(text), made))


# --- kernel.xml ---------------------------------------------------------------------------------


def test_kernel_xml_describes_the_packaged_module() -> None:
    files = {name: str(text) for name, text in planned("u280", 1, [""]).files.items()}
    kernel = kernel_of_xml(files["vitis/kernel.xml"])
    assert kernel == kernel_of_verilog(files["vitis/kernel.v"])
    assert kernel == Kernel("digits_kernel", {"in_frames"}, {"out_answers"})
    script = files["vitis/package_kernel.tcl"]
    named = re.search(r"-vendor (\S+) -library (\S+)", script)
    assert named
    version = re.search(r"set_property version (\S+) ", script)
    name = re.search(r"set_property name (\S+) ", script)
    assert version
    assert name
    vlnv = ":".join((*named.groups(), name.group(1), version.group(1)))
    assert f'vlnv="{vlnv}"' in files["vitis/kernel.xml"]
    assert "-kernel_xml vitis/kernel.xml" in script


XML_WRONG = {
    "version": ('versionMinor="6"', 'versionMinor="9"', "root must be of version 1.6"),
    "language": ('language="ip_c"', 'language="c"', "kernel language must be 'ip_c'"),
    "protocol": ("ap_ctrl_none", "ap_ctrl_never", "unknown hwControlProtocol"),
    "attribute": (' interrupt="false"', "", "kernel has ['interrupt'] too few or too many"),
    "vlnv": ("kernel:digits_kernel:1.0", "kernel:other:1.0", "vlnv is not"),
    "mode": ("read_only", "master", "and a mode of ['read_only', 'write_only']"),
    "width": (' dataWidth="512"', "", "must have ['dataWidth'"),
    "twice": ('port name="in_frames"', 'port name="out_answers"', "is there 2 times"),
    "id": ('id="1"', 'id="2"', "args must be numbered from 0"),
    "port": ('port="in_frames"', 'port="frames"', "and an existing port"),
    "qualifier": ('addressQualifier="4"', 'addressQualifier="7"', "unknown addressQualifier"),
}


@pytest.mark.parametrize("name", XML_WRONG)
def test_a_wrong_kernel_xml_is_caught(name: str) -> None:
    old, new, message = XML_WRONG[name]
    text = str(planned("u280", 1, [""]).files["vitis/kernel.xml"])
    assert old in text
    with pytest.raises(ValueError, match=re.escape(message)):
        kernel_of_xml(text.replace(old, new))
