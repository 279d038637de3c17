"""What Vivado and Vitis HLS would answer to hlsgen's scripts, as far as these look at it.

Block designs are kept: a cell must be there before it is connected, pins must be the cell's, and
validation demands that each is connected, once. Constraints are run when a design is synthesised:
their ports must be those of the top module, and each must have a pin and a standard.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tcl_commands import IPS, PROPERTIES, VITIS_HLS, VIVADO, XDC, XDC_PROPERTIES
from tcl_recorder import Call, Recorder, TclFailure, tcl_list

# What reports show in a recorded run: real ones, of other designs.
_REPORTS = Path(__file__).parent / "vendor_reports"
# Pins that may stay open.
_OPTIONAL = {"ext_reset_in"}


@dataclass
class Cell:
    """One cell of a block design: its parameters, interfaces and pins, and what was set."""

    parameters: set[str]
    interfaces: set[str]
    pins: set[str]
    values: dict[str, str] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)


def modules(text: str) -> dict[str, tuple[list[str], list[str]]]:
    """Parameters and ports of each Verilog module in `text`."""
    found = {}
    text = re.sub(r"//.*|\(\*.*?\*\)", "", text)
    for match in re.finditer(r"\bmodule\s+(\w+)\s*(#\s*\((.*?)\)\s*)?\((.*?)\);", text, re.DOTALL):
        parameters = re.findall(r"parameter\b[^=]*?(\w+)\s*=", match.group(3) or "")
        ports = re.findall(r"(\w+)\s*(?:,|$)", match.group(4).strip())
        found[match.group(1)] = (parameters, ports)
    return found


class Constraints(Recorder):
    """The XDC file of a design with `ports`."""

    def __init__(self, folder: Path, ports: list[str]) -> None:
        """Constraints that have said nothing yet."""
        super().__init__(XDC, folder)
        self.ports = ports
        self.said: dict[str, set[str]] = {port: set() for port in ports}

    def on_get_ports(self, call: Call) -> str:
        """The port, which the top module must have."""
        if call.words[0] not in self.ports:
            raise TclFailure(f"get_ports: no port {call.words[0]!r} of {', '.join(self.ports)}")
        return call.words[0]

    def on_set_property(self, call: Call) -> None:
        """A known property of a port or of the design."""
        name, value, target = call.words
        if name not in XDC_PROPERTIES:
            raise TclFailure(f"set_property: unknown property {name}")
        if not value:
            raise TclFailure(f"set_property: {name} of {target or 'the design'} is empty")
        self.said.setdefault(target, set()).add(name)

    def check(self) -> None:
        """Raise what write_bitstream's checks NSTD-1 and UCIO-1 would."""
        if "clocked" not in self.states:
            raise TclFailure("no clock: the design would have no timing")
        for port in self.ports:
            if missing := {"PACKAGE_PIN", "IOSTANDARD"} - self.said[port]:
                raise TclFailure(f"port {port} has no {', '.join(sorted(missing))}")


class Vivado(Recorder):
    """Vivado in batch mode."""

    def __init__(self, folder: Path, answers: Mapping[str, str] | None = None) -> None:
        """A Vivado without a project."""
        super().__init__(VIVADO, folder, answers or {})
        self.verilog: dict[str, tuple[list[str], list[str]]] = {}
        self.xdc: list[str] = []
        self.cells: dict[str, Cell] = {}
        self.repositories: list[str] = []
        self.project = Path()
        self.finished: set[str] = set()
        self.devices = ["xcu280_0", "xc7a100t_0"]

    # --- sources

    def on_read_verilog(self, call: Call) -> None:
        """Remember the modules."""
        for file in tcl_list(call.words[0]):
            text = (self.folder / file).read_text(encoding="utf-8")
            again = set(found := modules(text)) & set(self.verilog)
            if again:
                raise TclFailure(f"module {', '.join(sorted(again))} again in {file}")
            self.verilog |= found

    def on_add_files(self, call: Call) -> None:
        """The same, for those files that are Verilog."""
        files = [file for file in tcl_list(call.words[0]) if file.endswith(".v")]
        self.on_read_verilog(Call("add_files", (" ".join(files),), {}))

    def on_read_xdc(self, call: Call) -> None:
        """Keep it until there is a design."""
        self.xdc.append(call.words[0])

    def on_synth_design(self, call: Call) -> None:
        """The top module must be there, and the constraints must fit it."""
        top = call.options.get("-top", "")
        if top not in self.verilog:
            raise TclFailure(f"synth_design: no module {top!r} was read")
        if not call.options.get("-part"):
            raise TclFailure("synth_design: no part")
        constraints = Constraints(self.folder, self.verilog[top][1])
        for file in self.xdc:
            constraints.run(file)
        constraints.check()

    def _report(self, call: Call, sample: str) -> None:
        file = call.options.get("-file")
        if file:
            text = (_REPORTS / sample).read_text(encoding="utf-8")
            (self.folder / file).write_text(f"MOCK: of another design\n{text}", encoding="utf-8")

    def on_report_utilization(self, call: Call) -> None:
        """As after routing."""
        self._report(call, "utilisation_2021_2.rpt")

    def on_report_timing_summary(self, call: Call) -> None:
        """Of a design whose timing is met."""
        self._report(call, "timing_2021_2.rpt")

    def on_report_power(self, call: Call) -> None:
        """As Vivado estimates it."""
        self._report(call, "power_2020.rpt")

    # --- projects

    def on_create_project(self, call: Call) -> None:
        """A folder of its own."""
        self.project = Path(call.words[1], call.words[0])
        (self.folder / self.project.parent).mkdir(parents=True, exist_ok=True)

    def on_set_property(self, call: Call) -> None:
        """Of a cell only its parameters; of others only known ones."""
        target = call.words[-1]
        pairs = tcl_list(call.options["-dict"]) if "-dict" in call.options else call.words[:2]
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            cell = self.cells.get(target.removeprefix("/"))
            if cell is not None:
                if name.removeprefix("CONFIG.") not in cell.parameters:
                    raise TclFailure(f"set_property: {target} has no property {name}")
                cell.values[name] = value
            elif name not in PROPERTIES:
                raise TclFailure(f"set_property: unknown property {name}")
            elif name == "ip_repo_paths":
                if not (self.folder / value / "component.xml").is_file():
                    raise TclFailure(f"set_property: no IP in {value}")
                self.repositories.append(value)
            elif name == "top" and not self._is_module(value):
                raise TclFailure(f"set_property: no module {value!r}")

    def _is_module(self, name: str) -> bool:
        return name in self.verilog or ("wrapped" in self.states and name == "system_wrapper")

    def on_get_property(self, call: Call) -> str:
        """What a script asks for in a run that goes well."""
        name, target = call.words
        if name == "SLACK":
            return "0.125"
        if name == "PROGRESS":
            return "100%" if target in self.finished else "0%"
        cell = self.cells.get(target.removeprefix("/"))
        if cell is not None and name.removeprefix("CONFIG.") in cell.parameters:
            asked = name.replace("ACT_", "")
            return cell.values.get(asked, cell.values.get(name, ""))
        raise TclFailure(f"get_property: {target} has no property {name}")

    def on_current_project(self, call: Call) -> str:
        """Its name."""
        return self.project.name

    def on_current_fileset(self, call: Call) -> str:
        """The only one that is used."""
        return "sources_1"

    def on_get_timing_paths(self, call: Call) -> str:
        """One path."""
        return "{source -> destination}"

    def on_get_runs(self, call: Call) -> str:
        """The run."""
        if call.words[0] not in ("synth_1", "impl_1"):
            raise TclFailure(f"get_runs: no run {call.words[0]}")
        return call.words[0]

    def on_wait_on_run(self, call: Call) -> None:
        """Whether it was launched, and synthesis before it."""
        run = call.words[0]
        launched = {words[-3] if "-jobs" in words[-2:] else words[1] for words in self.calls
                    if words[0] == "launch_runs"}  # fmt: skip
        if run not in launched or (run == "impl_1" and "synth_1" not in self.finished):
            raise TclFailure(f"wait_on_run: {run} was not launched in its turn")
        self.finished.add(run)

    def on_open_run(self, call: Call) -> None:
        """A finished implementation is a routed design."""
        if call.words[0] not in self.finished:
            raise TclFailure(f"open_run: {call.words[0]} has not finished")
        self.states |= {"routed"} if call.words[0] == "impl_1" else set()

    def on_get_board_parts(self, call: Call) -> str:
        """All that match, in two versions."""
        pattern = call.words[0]
        return " ".join(pattern.replace("*", version) for version in ("1.9", "1.10"))

    # --- block designs

    def on_get_ipdefs(self, call: Call) -> str:
        """Known IPs, and those of the repositories, that match the pattern."""
        known = [f"{name}:{version}" for name, (version, *_) in IPS.items()]
        for folder in self.repositories:
            text = (self.folder / folder / "component.xml").read_text(encoding="utf-8")
            tags = "vendor library name version"
            words = [re.search(f"<spirit:{tag}>(.*?)<", text) for tag in tags.split()]
            known.append(":".join(word.group(1) for word in words if word))
        return " ".join(name for name in known if fnmatch.fnmatch(name, call.words[0]))

    def on_create_bd_cell(self, call: Call) -> str:
        """A cell of an IP or of a module that was added."""
        name = call.words[0]
        if name in self.cells:
            raise TclFailure(f"create_bd_cell: cell {name} is there already")
        vlnv, module = call.options.get("-vlnv", ""), call.options.get("-reference", "")
        definition = vlnv.rpartition(":")[0]
        if definition in IPS:
            _, parameters, interfaces, pins = IPS[definition]
            self.cells[name] = Cell(set(parameters.split()), set(interfaces.split()),
                                    set(pins.split()))  # fmt: skip
        elif vlnv and self.on_get_ipdefs(Call("get_ipdefs", (vlnv,), {})):
            self.cells[name] = Cell(set(), {"in_frames", "out_answers"}, {"ap_clk", "ap_rst_n"})
        elif module in self.verilog:
            parameters, ports = self.verilog[module]
            streams = {port.removesuffix("_tdata") for port in ports if port.endswith("_tdata")}
            pins = {
                port for port in ports if not re.search(r"_t(data|keep|last|valid|ready)$", port)
            }
            self.cells[name] = Cell(set(parameters), streams, pins)
        else:
            raise TclFailure(f"create_bd_cell: no IP {vlnv!r} and no module {module!r}")
        return f"/{name}"

    def on_apply_bd_automation(self, call: Call) -> None:
        """The rule must be the cell's."""
        if call.words[0].removeprefix("/") not in self.cells:
            raise TclFailure(f"apply_bd_automation: no cell {call.words[0]}")

    def _pin(self, call: Call, kind: str) -> str:
        cell, _, pin = call.words[0].partition("/")
        if cell not in self.cells or pin not in getattr(self.cells[cell], kind):
            raise TclFailure(f"{call.name}: no such pin: {call.words[0]}")
        return call.words[0]

    def on_get_bd_pins(self, call: Call) -> str:
        """The pin, which its cell must have."""
        return self._pin(call, "pins")

    def on_get_bd_intf_pins(self, call: Call) -> str:
        """The interface, which its cell must have."""
        return self._pin(call, "interfaces")

    def _connect(self, call: Call, drivers: bool) -> None:
        for place, word in enumerate(call.words):
            cell, _, pin = word.partition("/")
            connected = self.cells[cell].connected
            # A net has one driver and many readers; an interface joins two.
            if pin in connected and not (drivers and place == 0):
                raise TclFailure(f"{call.name}: {word} is connected already")
            connected.append(pin)

    def on_connect_bd_net(self, call: Call) -> None:
        """A reader is connected once."""
        self._connect(call, drivers=True)

    def on_connect_bd_intf_net(self, call: Call) -> None:
        """An interface is connected once."""
        self._connect(call, drivers=False)

    def on_validate_bd_design(self, call: Call) -> None:
        """No pin and no interface may be left open."""
        for name, cell in self.cells.items():
            unused = {"S01_AXI"} if cell.values.get("CONFIG.NUM_SI") == "1" else set()
            if loose := (cell.pins | cell.interfaces) - set(cell.connected) - unused - _OPTIONAL:
                raise TclFailure(f"validate_bd_design: {name} has open {', '.join(sorted(loose))}")

    def on_get_files(self, call: Call) -> str:
        """The block design, once it is saved."""
        if call.words[:1] == ("system.bd",) and "saved" not in self.states:
            raise TclFailure("get_files: no file system.bd")
        return str(self.project.parent / "system.bd")

    def on_generate_target(self, call: Call) -> None:
        """The description that PYNQ reads."""
        folder = self.project.with_suffix(".gen") / "sources_1" / "bd" / "system" / "hw_handoff"
        (self.folder / folder).mkdir(parents=True)
        (self.folder / folder / "system.hwh").write_text("<!-- mock -->\n", encoding="utf-8")

    def on_make_wrapper(self, call: Call) -> str:
        """The wrapper's file."""
        file = self.project.parent / "system_wrapper.v"
        (self.folder / file).write_text("module system_wrapper ();\nendmodule\n", encoding="utf-8")
        return str(file)

    # --- programming and packaging

    def on_get_hw_devices(self, call: Call) -> str:
        """Those on the cable that match."""
        return " ".join(fnmatch.filter(self.devices, call.words[0]))

    def on_ipx_current_core(self, call: Call) -> str:
        """The packaged core."""
        return "core"

    def on_ipx_get_bus_interfaces(self, call: Call) -> str:
        """The interface of that name."""
        return call.words[0]

    def on_ipx_add_bus_parameter(self, call: Call) -> str:
        """The parameter."""
        return f"{call.words[1]}/{call.words[0]}"


class VitisHls(Recorder):
    """Vitis HLS in batch mode."""

    def __init__(self, folder: Path, answers: Mapping[str, str] | None = None) -> None:
        """A Vitis HLS without a project."""
        super().__init__(VITIS_HLS, folder, answers or {})
        self.solution = Path()

    def on_open_project(self, call: Call) -> None:
        """Without -reset it goes on with what is there."""
        self.solution = Path(call.words[0])
        if "-reset" not in call.options:
            if not (self.folder / self.solution).is_dir():
                raise TclFailure(f"open_project: no project {call.words[0]}")
            self.states |= {"top", "sources", "part", "clock"}

    def on_open_solution(self, call: Call) -> None:
        """A folder of the project; one that was synthesised before is that still."""
        if call.options.get("-flow_target", "vivado") not in ("vivado", "vitis"):
            raise TclFailure(f"open_solution: unknown target {call.options['-flow_target']}")
        self.solution /= call.words[0]
        report = self.folder / self.solution / "syn" / "report" / "csynth.xml"
        if report.is_file() and "-reset" not in call.options:
            self.states |= {"synthesised"}

    def on_csynth_design(self, call: Call) -> None:
        """The reports."""
        folder = self.folder / self.solution / "syn" / "report"
        folder.mkdir(parents=True, exist_ok=True)
        for name, sample in (("csynth.xml", "csynth_2023_2.xml"),
                             ("csynth.rpt", "csynth_summary_2023_2.rpt")):  # fmt: skip
            shutil.copy(_REPORTS / sample, folder / name)

    def on_export_design(self, call: Call) -> None:
        """The IP's description."""
        if call.options.get("-format") != "ip_catalog":
            raise TclFailure(f"export_design: format {call.options.get('-format')}")
        folder = self.folder / self.solution / "impl" / "ip"
        folder.mkdir(parents=True, exist_ok=True)
        words = (("vendor", "-vendor"), ("library", "-library"), ("name", "-ipname"),
                 ("version", "-version"))  # fmt: skip
        lines = [f"<spirit:{tag}>{call.options[option]}</spirit:{tag}>" for tag, option in words]
        (folder / "component.xml").write_text("\n".join(lines) + "\n", encoding="utf-8")
