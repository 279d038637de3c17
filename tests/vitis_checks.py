"""What Vitis demands of a link file and of kernel.xml, without Vitis.

From AMD UG1393 2022.2 to UG1702 2026.1: "--connectivity Options", "v++ General Options"
(kernel_frequency), "RTL Kernel XML File", "Mapping Kernel Ports to Memory". Used by the tests and
by the mock v++, which has no part of hlsgen.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_TOP_KEYS = {"kernel_frequency", "platform", "save-temps", "debug", "report_level", "optimize"}
_CONNECTIVITY_KEYS = {"nk", "sp", "slr", "sc", "stream_connect", "connect"}
_PROTOCOLS = {"ap_ctrl_hs", "ap_ctrl_chain", "ap_ctrl_none", "user_managed"}


@dataclass
class Kernel:
    """Names of a kernel's ports: streams it reads and writes, arguments in memory, others."""

    name: str
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    memory: set[str] = field(default_factory=set)
    scalars: set[str] = field(default_factory=set)


def kernel_of_cpp(name: str, text: str) -> Kernel:
    """The ports of the HLS function `name` in a source text.

    Raises:
        ValueError: there is no such function.
    """
    found = re.search(rf"\bvoid\s+{name}\s*\(([^)]*)\)\s*{{", text)
    if found is None:
        raise ValueError(f"no function {name}")
    kernel = Kernel(name)
    # Commas inside of template arguments do not part arguments.
    for argument in re.split(r",(?![^<]*>)", found.group(1)):
        word = re.findall(r"\w+", argument)[-1]
        if "hls::stream" in argument:
            (kernel.reads if f"{word}.read()" in text else kernel.writes).add(word)
        else:
            (kernel.memory if "*" in argument else kernel.scalars).add(word)
    return kernel


def kernel_of_verilog(text: str) -> Kernel:
    """The AXI4-Stream ports of the only module of a Verilog text."""
    (name,) = re.findall(r"^module (\w+)", text, re.MULTILINE)
    ports = re.findall(r"^ +(input|output) .* (\w+)_tdata,?$", text, re.MULTILINE)
    return Kernel(
        name,
        {port for way, port in ports if way == "input"},
        {port for way, port in ports if way == "output"},
    )


def kernel_of_xml(text: str) -> Kernel:
    """The ports in a kernel.xml.

    Raises:
        ValueError: it breaks the documented schema; all reasons.
    """
    root = ET.fromstring(text)
    problems = list(_xml_problems(root))
    if problems:
        raise ValueError("; ".join(problems))
    kernel = root[0]
    made = Kernel(kernel.attrib["name"])
    kinds = {"read_only": made.reads, "write_only": made.writes, "master": made.memory}
    for port in kernel.iterfind("ports/port"):
        kinds.get(port.attrib["mode"], made.scalars).add(port.attrib["name"])
    return made


def _xml_problems(root: ET.Element) -> Iterator[str]:
    if (root.tag, root.attrib) != ("root", {"versionMajor": "1", "versionMinor": "6"}):
        yield "root must be of version 1.6"
    if [child.tag for child in root] != ["kernel"]:
        yield "root must hold one kernel"
        return
    kernel = root[0]
    fixed = {"language": "ip_c", "attributes": "", "preferredWorkGroupSizeMultiple": "0",
             "workGroupSize": "1"}  # fmt: skip
    yield from (
        f"kernel {key} must be {value!r}"
        for key, value in fixed.items()
        if kernel.attrib.get(key) != value
    )
    free = {"name", "vlnv", "interrupt", "hwControlProtocol"}
    if set(kernel.attrib) != {*fixed, *free}:
        yield f"kernel has {sorted(set(kernel.attrib) ^ {*fixed, *free})} too few or too many"
        return
    if kernel.attrib["vlnv"].split(":")[2:3] != [kernel.attrib["name"]]:
        yield "vlnv is not vendor:library:name:version of the kernel"
    if kernel.attrib["hwControlProtocol"] not in _PROTOCOLS:
        yield "unknown hwControlProtocol"
    if [child.tag for child in kernel] != ["ports", "args"]:
        yield "kernel must hold ports and args"
        return
    yield from _port_problems(kernel)


def _port_problems(kernel: ET.Element) -> Iterator[str]:
    ports = list(kernel.iterfind("ports/port"))
    names = Counter(port.attrib.get("name", "") for port in ports)
    yield from (f"port {name!r} is there {n} times" for name, n in names.items() if n > 1)
    for port in ports:
        stream = port.attrib.get("portType") == "stream"
        wanted = {"name", "mode", "dataWidth", "portType"}
        wanted |= set() if stream else {"range", "base"}
        modes = {"read_only", "write_only"} if stream else {"master", "slave"}
        if set(port.attrib) != wanted or port.attrib["mode"] not in modes:
            yield f"port {port.attrib} must have {sorted(wanted)} and a mode of {sorted(modes)}"
        elif not stream and kernel.attrib["hwControlProtocol"] == "ap_ctrl_none":
            yield f"a free-running kernel has the addressable port {port.attrib['name']}"
    args = list(kernel.iterfind("args/arg"))
    if [arg.attrib.get("id") for arg in args] != [str(i) for i in range(len(args))]:
        yield "args must be numbered from 0"
    for arg in args:
        fields = {"name", "addressQualifier", "id", "port", "size", "offset", "hostOffset",
                  "hostSize", "type"}  # fmt: skip
        if set(arg.attrib) != fields or arg.attrib["port"] not in names:
            yield f"arg {arg.attrib} must have {sorted(fields)} and an existing port"
        elif arg.attrib["addressQualifier"] not in set("01234"):
            yield f"arg {arg.attrib['name']}: unknown addressQualifier"
    if unread := set(names) - {arg.attrib.get("port") for arg in args} - {"s_axi_control"}:
        yield f"ports without an argument: {sorted(unread)}"


@dataclass
class Link:
    """The lines of a link file, and what is wrong with it."""

    entries: list[tuple[str, str, str]]
    problems: list[str]

    def of(self, *keys: str) -> list[str]:
        """Values of the lines with one of `keys`."""
        return [value for _, key, value in self.entries if key in keys]


def read_link(text: str) -> Link:
    """Sections and keys of a link file."""
    link, section = Link([], []), ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = found.group(1)
            if section != "connectivity":
                link.problems.append(f"line {number}: unknown section {section}")
            continue
        key, equals, value = line.partition("=")
        allowed = _CONNECTIVITY_KEYS if section else _TOP_KEYS
        if not equals or not value or key not in allowed:
            link.problems.append(f"line {number}: {line!r} is no line of {section or 'the top'}")
        link.entries.append((section, key, value))
    return link


def check_link(
    text: str, kernels: Sequence[Kernel], memory: str, banks: int, regions: Sequence[str]
) -> list[str]:
    """Everything that is wrong with a link file; nothing where it is right.

    Args:
        text: the file.
        kernels: those whose object files are linked.
        memory, banks: the memory's tag and how many banks the platform has.
        regions: super logic regions that the platform has.
    """
    link = read_link(text)
    units = dict(_units(link, {kernel.name: kernel for kernel in kernels}))
    link.problems += _frequency_problems(link)
    link.problems += _stream_problems(link, units)
    link.problems += _memory_problems(link, units, memory, banks)
    for value in link.of("slr"):
        unit, _, region = value.partition(":")
        if unit not in units or region not in regions:
            link.problems.append(f"slr={value}: no such unit, or no such region")
    placed = Counter(value.partition(":")[0] for value in link.of("slr"))
    link.problems += [f"{unit} has {n} regions" for unit, n in placed.items() if n > 1]
    return link.problems


def _units(link: Link, kernels: Mapping[str, Kernel]) -> Iterator[tuple[str, Kernel]]:
    seen: set[str] = set()
    for value in link.of("nk"):
        found = re.fullmatch(r"(\w+):(\d+):(\w+(?:,\w+)*)", value)
        if found is None or found.group(1) not in kernels:
            link.problems.append(f"nk={value}: not kernel:number:names of a linked kernel")
            continue
        names = found.group(3).split(",")
        if len(names) != int(found.group(2)) or seen & set(names) or len(set(names)) < len(names):
            link.problems.append(f"nk={value}: names are not as many, or not unique")
        seen |= set(names)
        yield from ((name, kernels[found.group(1)]) for name in names)


def _frequency_problems(link: Link) -> Iterator[str]:
    for value in link.of("kernel_frequency"):
        if not re.fullmatch(r"[01]:[1-9]\d{0,2}(\|[01]:[1-9]\d{0,2})?", value):
            yield f"kernel_frequency={value}: not clock:MHz"


def _stream_problems(link: Link, units: Mapping[str, Kernel]) -> Iterator[str]:
    used: Counter[str] = Counter()
    for value in link.of("stream_connect", "sc"):
        found = re.fullmatch(r"(\w+)\.(\w+):(\w+)\.(\w+)(:\d+)?", value)
        if found is None:
            yield f"stream_connect={value}: not unit.port:unit.port"
            continue
        source, out, target, into, _ = found.groups()
        if source not in units or out not in units[source].writes:
            yield f"stream_connect={value}: {source} has no output stream {out}"
        if target not in units or into not in units[target].reads:
            yield f"stream_connect={value}: {target} has no input stream {into}"
        if source == target:
            yield f"stream_connect={value}: a kernel that drives itself"
        used.update((f"{source}.{out}", f"{target}.{into}"))
    yield from (f"{end} is connected {n} times" for end, n in used.items() if n > 1)
    ends = {
        f"{name}.{port}" for name, kernel in units.items() for port in kernel.reads | kernel.writes
    }
    yield from (f"{end} is not connected" for end in sorted(ends - set(used)))


def _memory_problems(
    link: Link, units: Mapping[str, Kernel], memory: str, banks: int
) -> Iterator[str]:
    used: Counter[str] = Counter()
    for value in link.of("sp"):
        found = re.fullmatch(r"(\w+)\.(\w+):(\w+)\[(\d+)(?::(\d+))?\]", value)
        if found is None:
            yield f"sp={value}: not unit.argument:memory[bank]"
            continue
        unit, argument, tag, first, last = found.groups()
        if unit not in units or argument not in units[unit].memory:
            yield f"sp={value}: {unit} has no argument {argument} in memory"
        if tag != memory or not int(first) <= int(last or first) < banks:
            yield f"sp={value}: the platform has {memory}[0:{banks - 1}]"
        used[f"{unit}.{argument}"] += 1
    yield from (f"{name} has {n} memories" for name, n in used.items() if n > 1)
    wanted = {f"{name}.{port}" for name, kernel in units.items() for port in kernel.memory}
    yield from (f"{name} has no memory" for name in sorted(wanted - set(used)))
