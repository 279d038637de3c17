"""A Tcl script of a vendor tool, run by a real Tcl that knows the tool's commands.

The interpreter is a process: `tclsh`, or a Python with tkinter. It runs the script itself: lists,
loops, `expr`, `file`. Commands of the tool are sent here. What is wrong ends the script as an
error in the tool would: an unknown command, an unknown option, a wrong number of arguments, a file
that is not there, a command too early (see `tcl_commands`).

    recorder = Recorder(VIVADO, folder)
    recorder.run("vivado/build.tcl")
    assert ["route_design"] in recorder.calls
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

# What the script finds in place of the interpreter's own commands. `puts` is a record too, so that
# nothing but records goes over the pipe; the others would leave the folder or need a terminal.
PRELUDE = """
rename puts tcl_puts
rename gets tcl_gets
fconfigure stdin -translation lf -encoding utf-8
fconfigure stdout -translation lf -encoding utf-8
proc tcl_record {args} {
    set words {}
    foreach word $args {
        lappend words x[binary encode hex [encoding convertto utf-8 $word]]
    }
    tcl_puts stdout $words
    flush stdout
    if {[tcl_gets stdin answer] < 0} { tcl_exit 3 }
    lassign $answer code value
    set value [encoding convertfrom utf-8 [binary decode hex [string range $value 1 end]]]
    if {$code} { return -code error -level 2 $value }
    return $value
}
rename exit tcl_exit
proc exit {{code 0}} { tcl_record exit $code; tcl_exit $code }
proc puts {args} { tcl_record puts {*}$args }
proc unknown {args} { tcl_record {*}$args }
foreach name {exec open socket load gets} { catch {rename $name {}} }
unset -nocomplain name
cd [lindex $argv 1]
set tcl_script [lindex $argv 0]
set argv [lrange $argv 2 end]
set argc [llength $argv]
if {[catch {source $tcl_script} message]} {
    catch {tcl_record error $message}
    tcl_exit 1
}
tcl_exit 0
"""
# tkinter's interpreter has the standard channels, but no argv and no exit.
TKINTER = (
    "import os, sys, tkinter; tcl = tkinter.Tcl(); tcl.setvar('argv', tuple(sys.argv[2:]));"
    "tcl.createcommand('exit', lambda code='0': os._exit(int(code)));"
    "tcl.eval('source {' + sys.argv[1] + '}')"
)


class TclFailure(Exception):
    """The script ended with an error."""


@dataclass(frozen=True)
class Command:
    """What one command of the tool takes, and when it may be called.

    Args:
        syntax: words: `-flag`, `-option=`, and positional ones, `?` behind those that may be left
            out, `*` behind one that may be repeated; `<` before a positional word, or behind the
            `=` of an option, is a file that must exist, `>` one that is made. A positional word
            may be a Tcl list of files.
        needs: states that must have been reached, separated by spaces.
        sets: states that are reached then.
        drops: states that are left.
    """

    syntax: str = ""
    needs: str = ""
    sets: str = ""
    drops: str = ""


@dataclass(frozen=True)
class Call:
    """One call, split as its command's syntax says."""

    name: str
    words: tuple[str, ...]
    options: Mapping[str, str]


@cache
def interpreter() -> tuple[str, ...]:
    """How to start a real Tcl: the command, which is given a script, a script and a folder.

    Raises:
        RuntimeError: there is none; a test must fail then, since what it checks was not checked.
    """
    if path := shutil.which("tclsh"):
        return (path,)
    for python in dict.fromkeys((sys.executable, shutil.which("python3") or sys.executable)):
        probe = [python, "-c", "import tkinter; tkinter.Tcl()"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return (python, "-c", TKINTER)
    raise RuntimeError("no Tcl interpreter for the tests of vendor scripts: apt install tcl")


def tcl_list(text: str) -> list[str]:
    """The elements of a plain Tcl list: words, or words in braces."""
    words, depth, word = [], 0, ""
    for char in text + " ":
        if char == "{":
            depth += 1
            if depth == 1:
                continue
        elif char == "}":
            depth -= 1
            if depth == 0:
                words.append(word)
                word = ""
                continue
        if char.isspace() and depth == 0:
            words += [word] if word else []
            word = ""
        else:
            word += char
    return words


@dataclass
class Recorder:
    """Runs scripts in `folder` with the commands of one tool.

    `calls` has the words of every call in order, `output` what `puts` wrote. Subclasses answer
    calls, by methods called `on_<command>`; all others return nothing.
    """

    commands: Mapping[str, Command]
    folder: Path
    answers: Mapping[str, str] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    states: set[str] = field(default_factory=set)

    def run(self, script: str, *args: str) -> list[list[str]]:
        """The calls that `script`, a file below the folder, makes when given `args`.

        Raises:
            TclFailure: it ended with an error; the message is Tcl's.
        """
        before = len(self.calls)
        prelude = self.folder / ".prelude.tcl"
        prelude.write_text(PRELUDE, encoding="utf-8")
        command = [*interpreter(), str(prelude), script, str(self.folder.resolve()), *args]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=self.folder,
        )  # fmt: skip
        try:
            problem = self._serve(process)
            _, complaint = process.communicate(timeout=60)
        finally:
            process.kill()
            prelude.unlink(missing_ok=True)
        if problem is None and process.returncode:
            problem = f"the interpreter ended with exit code {process.returncode}: {complaint}"
        if problem is not None:
            raise TclFailure(problem)
        return self.calls[before:]

    def _serve(self, process: subprocess.Popen[str]) -> str | None:
        """Answer records until the script ends; its error, if it had one."""
        assert process.stdin is not None
        assert process.stdout is not None
        problem = None
        for line in process.stdout:
            words = [bytes.fromhex(word[1:]).decode() for word in line.split()]
            code, value = 0, ""
            if words[0] == "error":
                problem = words[1]
            elif words[0] == "puts":
                self.output.append(words[-1])
            elif words[0] != "exit":
                try:
                    value = self.call(words)
                except TclFailure as error:
                    code, value = 1, str(error)
            process.stdin.write(f"{code} x{value.encode().hex()}\n")
            process.stdin.flush()
        return problem

    def call(self, words: Sequence[str]) -> str:
        """Check and record one call; what it returns.

        Raises:
            TclFailure: the tool would not take it.
        """
        name = words[0].removeprefix("::")
        command = self.commands.get(name)
        if command is None:
            raise TclFailure(f"invalid command name {name!r}")
        for state in command.needs.split():
            if state not in self.states:
                raise TclFailure(f"{name}: too early, since nothing is {state}")
        call = self._split(name, command, words[1:])
        self.calls.append([name, *words[1:]])
        key = next((key for key in self.answers if " ".join(words).startswith(key)), None)
        answer = getattr(self, f"on_{name.replace('::', '_')}", None)
        value = self.answers[key] if key is not None else ""
        if answer is not None:
            own = answer(call)
            value = value if key is not None else own or ""
        self.states -= set(command.drops.split())
        self.states |= set(command.sets.split())
        return value

    def _split(self, name: str, command: Command, words: Sequence[str]) -> Call:
        """The call by option and position; files are looked for, or made."""
        kinds = command.syntax.split()
        flags = {kind for kind in kinds if kind.startswith("-") and "=" not in kind}
        valued = dict(kind.split("=") for kind in kinds if kind.startswith("-") and "=" in kind)
        places = [kind for kind in kinds if not kind.startswith("-")]
        options, found, rest = {}, [], list(words)
        while rest:
            word = rest.pop(0)
            if word in flags:
                options[word] = ""
            elif word in valued:
                if not rest:
                    raise TclFailure(f"{name}: option {word} has no value")
                options[word] = rest.pop(0)
                self._touch(name, valued[word], options[word])
            elif word.startswith("-") and not word.lstrip("-")[:1].isdigit():
                raise TclFailure(f"{name}: unknown option {word}")
            else:
                found.append(word)
        least = sum(not place.endswith(("?", "*")) for place in places)
        many = any(place.endswith("*") for place in places)
        if len(found) < least or (len(found) > len(places) and not many):
            raise TclFailure(f"{name}: {len(found)} arguments, takes {' '.join(places) or 'none'}")
        for index, word in enumerate(found):
            self._touch(name, places[min(index, len(places) - 1)], word)
        return Call(name, tuple(found), options)

    def _touch(self, name: str, kind: str, value: str) -> None:
        if kind.startswith("<"):
            for file in tcl_list(value):
                if not (self.folder / file).exists():
                    raise TclFailure(f"{name}: no such file: {file}")
        elif kind.startswith(">"):
            path = self.folder / value
            if not path.parent.is_dir():
                raise TclFailure(f"{name}: no such folder: {path.parent.name}")
            path.write_text(f"made by {name}, recorded, not by the tool\n", encoding="utf-8")
