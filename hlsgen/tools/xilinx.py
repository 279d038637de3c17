"""AMD's tools. They are licensed and cannot be installed by hlsgen, so nothing else needs them.

Only lines that start with ERROR: mean failure, or with hlsgen:, which scripts of hlsgen complain
with and Vivado prints as they are. A CRITICAL WARNING: does not: the tools print some
in good runs too (board files, unconnected side signals), so failing on them would refuse sound
builds. They stay in the log.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hlsgen.errors import ToolMissing
from hlsgen.tools.tool import Tool

_INSTALL = (
    "Install AMD Vitis 2021.1 or newer (it brings Vivado) with the board's platform, then run"
    " `source <install>/Vitis/<version>/settings64.sh` in this shell."
)
_INSTALL_VITIS = _INSTALL.replace("2021.1", "2022.2")
_ERRORS = r"^(ERROR|hlsgen):"

_VIVADO = Tool(
    "vivado",
    "packages the network as a Vitis kernel",
    _INSTALL,
    version_args=("-version",),
    version_pattern=r"[Vv]ivado v(\d{4}\.\d+)",
    minimum=(2021, 1),
    errors=_ERRORS,
    default_flow=False,
)


@dataclass(frozen=True)
class Vitis(Tool):
    """`v++`, which needs a platform, and for the link the Vivado of its own release.

    Older than 2022.2 it is refused: the boards' platforms are made for 2022.1 and its updates, from
    2022.2 on UG1393 separates the names of compute units by commas, and releases up to 2021.2 fail
    to export HLS kernels since the year 2022 without AMD's patch (answer record 76960).
    """

    def run(
        self,
        args: Sequence[str],
        *,
        cwd: Path,
        makes: Sequence[str],
        log_file: Path,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> str:
        """Run it; see `Tool.run`.

        Raises:
            ToolMissing: it, or the platform that `args` name, is not installed, or Vivado is of
                another release.
            ToolFailed: see `Tool.run`.
        """
        self.find()
        if "--platform" in args:
            _check_platform(args[args.index("--platform") + 1])
        if "-l" in args:
            self._check_release()
        return super().run(
            args, cwd=cwd, makes=makes, log_file=log_file, env=env, timeout_s=timeout_s
        )

    def _check_release(self) -> None:
        found, vivado = self.find(), _VIVADO.find()
        if found.version != vivado.version:
            raise ToolMissing(
                f"v++ at {found.path} is of release {found.version}, vivado at {vivado.path} of"
                f" {vivado.version}: kernels of one release are not linked by another. Source the"
                " settings64.sh of one Vitis only; it brings its own Vivado."
            )


def _check_platform(name: str) -> None:
    """Raise ToolMissing unless the Vitis platform `name` lies where v++ looks, or is a file."""
    if name.endswith(".xpfm") and Path(name).is_file():
        return
    paths = os.environ.get("PLATFORM_REPO_PATHS", "").split(os.pathsep)
    tools = [Path(root) for root in (os.environ.get("XILINX_VITIS"),) if root]
    places = [
        *(Path(path) for path in paths if path),
        Path("/opt/xilinx/platforms"),
        *(root / folder for root in tools for folder in ("platforms", "base_platforms")),
    ]
    files = [
        file for place in places for each in ("*.xpfm", "*/*.xpfm") for file in place.glob(each)
    ]
    if name in {file.stem for file in files}:
        return
    there = ", ".join(sorted({file.stem for file in files})) or "no platform"
    raise ToolMissing(
        f"the Vitis platform {name} is not installed: $PLATFORM_REPO_PATHS and"
        f" {', '.join(map(str, places))} hold {there}. Get the card's development target platform"
        " from AMD's page of the card (Alveo, Getting Started) and install it, or set"
        " PLATFORM_REPO_PATHS to the folder that holds it."
    )


XILINX = (
    _VIVADO,
    Vitis(
        "v++",
        "compiles the data movers and links the xclbin",
        _INSTALL_VITIS,
        version_pattern=r"v\+\+.* v(\d{4}\.\d+)",
        minimum=(2022, 2),
        errors=_ERRORS,
        default_flow=False,
    ),
    Tool(
        "vitis_hls",
        "makes hardware of the network's C++, in any release",
        _INSTALL_VITIS,
        version_args=("-version",),
        version_pattern=r"v(\d{4}\.\d+)",
        minimum=(2022, 1),
        module="hlsgen.tools.hls_module",
        errors=_ERRORS,
        default_flow=False,
    ),
    Tool(
        "vitis-run",
        "stands behind vitis_hls from release 2025.1 on",
        _INSTALL_VITIS.replace("2022.2", "2023.2"),
        version_pattern=r"v(\d{4}\.\d+)",
        minimum=(2023, 2),
        errors=_ERRORS,
        default_flow=False,
    ),
)
