"""``reprise-guest build``: makes a component of a project folder.

The folder has a ``pyproject.toml`` that names the workflow, a module and a function in it::

    [tool.reprise]
    workflow = "transfer:transfer"

Modules are found in the folder, in its ``src``, and where this interpreter finds packages. All that the workflow
imports is loaded now and kept in the component: it has no files to import from later.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: Names of two interfaces that would both be `types`.
_NAMES = ("reprise:workflow/types@0.1.0=workflow_types", "wasi:http/types@0.2.9=http_types")
#: The module that the component is made of; it names the workflow.
_ENTRY = """\
import reprise_guest.component
import {module}

WitWorld = reprise_guest.component.exports({module}.{function})
"""
_ENTRY_MODULE = "reprise_entry"


class BuildError(Exception):
    """Why there is no component, and what to do."""


def main() -> int:
    """The command line; 0, or 1 if there is no component."""
    parser = argparse.ArgumentParser(prog="reprise-guest", description="Makes components of workflows in Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    build_parser = commands.add_parser("build", help="make a component of a project folder")
    build_parser.add_argument("project", type=Path, nargs="?", default=Path(), help="its folder [default: this one]")
    build_parser.add_argument("-o", "--output", type=Path, help="[default: build/MODULE.wasm in the folder]")
    bindings_parser = commands.add_parser("bindings", help="write the types of the world, for a type checker")
    bindings_parser.add_argument("output", type=Path, help="an existing folder")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            print(build(arguments.project, arguments.output))
        else:
            _componentize_py(["bindings", str(arguments.output)])
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(project: Path, output: Path | None = None) -> Path:
    """Makes a component of the project in a folder and gives its path. Errors: `BuildError`."""
    module, function = _workflow(project)
    output = output or project / "build" / f"{module.replace('.', '_')}.wasm"
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as entry:
        text = _ENTRY.format(module=module, function=function)
        (Path(entry) / f"{_ENTRY_MODULE}.py").write_text(text, encoding="utf-8")
        _componentize([Path(entry), project, project / "src"], output)
    return output


def _workflow(project: Path) -> tuple[str, str]:
    """The module and the function that the project names."""
    file = project / "pyproject.toml"
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BuildError(f"{file} can't be read: {error}") from None
    named = settings.get("tool", {}).get("reprise", {}).get("workflow", "")
    match = re.fullmatch(r"([\w.]+):(\w+)", str(named))
    if match is None:
        raise BuildError(f'{file} names no workflow: write workflow = "module:function" under [tool.reprise]')
    return match[1], match[2]


def _componentize(sources: list[Path], output: Path) -> None:
    folders = [*sources, _PACKAGE.parent, Path(sysconfig.get_path("purelib"))]
    paths = [part for folder in folders if folder.is_dir() for part in ("-p", str(folder))]
    _componentize_py(["componentize", *paths, "-o", str(output.resolve()), _ENTRY_MODULE])


def _componentize_py(arguments: list[str]) -> None:
    """Runs componentize-py on the world of the SDK. Errors: `BuildError` with what it says."""
    command = [sys.executable, "-c", "from componentize_py import script; script()"]
    command += ["-q", "-d", str(_PACKAGE / "wit"), "-w", "component"]
    command += [part for name in _NAMES for part in ("--import-interface-name", name)]
    done = subprocess.run(command + arguments, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise BuildError(_explained(done.stderr + done.stdout))


def _explained(messages: str) -> str:
    """What componentize-py says, without the frames of its own."""
    if "No module named 'componentize_py'" in messages:
        return "componentize-py is missing: pip install 'reprise-guest[build]'"
    said = messages.partition("AssertionError: ")[2] or messages
    return re.split(r"\n\s*Stack backtrace:", said)[0].strip()
