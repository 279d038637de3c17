"""The real host script on the simulated board, through a pseudo-terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tty
from pathlib import Path
from typing import Any

import cocotb

from rtl_tests.tb.line import Line


@cocotb.test()
async def host(dut: Any) -> None:
    """Run the script with the arguments in HLSGEN_HOST; leave its end in host.json."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    line = Line(dut)
    await line.reset()
    script, *args = json.loads(os.environ["HLSGEN_HOST"])
    command = [sys.executable, script, "--port", os.ttyname(slave), *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None:
        try:
            await line.send(*os.read(master, 4096))
        except BlockingIOError:
            await line.level(1, 100)
        os.write(master, bytes(line.received))
        line.received = []
    record = {"code": process.returncode, "output": process.communicate()[0]}
    Path("host.json").write_text(json.dumps(record))
