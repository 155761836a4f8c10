"""Run programs of Python in a process that has imported their libraries already.

A new interpreter would spend most of its time on imports. `multiprocessing` keeps a process that has the libraries,
and forks it for each run. A project's own package is imported after the fork, so each project has its own.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_SECONDS = 120

# All proofs share it, because a process has one such server.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "alembic.autogenerate",
        "alembic.command",
        "alembic.config",
        "asyncpg",
        "pydantic_settings",
        "sqlalchemy.dialects.postgresql.asyncpg",
        "sqlalchemy.ext.asyncio",
        "stamina",
    ]
)


def run_python(
    directory: Path, environment: Mapping[str, str], *commands: Sequence[str]
) -> tuple[int, str]:
    """Run programs one after another in one process, until one of them fails.

    Args:
        directory: where they run. The package is in its folder `src`.
        environment: all variables of the process.
        commands: the arguments of `python`: a file or `-m` and a module, and what follows.

    Returns:
        The exit code, and the output with the errors. A program that does not end is killed after two minutes.
    """
    with tempfile.NamedTemporaryFile("r") as output:
        arguments = (output.name, directory, dict(environment), commands)
        process = PROCESSES.Process(target=_run, args=arguments)
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        assert process.exitcode is not None
        return process.exitcode, output.read()


def _run(
    output: str, directory: Path, environment: Mapping[str, str], commands: Sequence[Sequence[str]]
) -> None:
    with Path(output).open("a") as opened:
        os.dup2(opened.fileno(), 1)
        os.dup2(opened.fileno(), 2)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for place in reversed(environment["PYTHONPATH"].split(os.pathsep)):
        sys.path.insert(0, place)
    for command in commands:
        if command[0] == "-m":
            sys.argv = list(command[1:])
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(command)
            runpy.run_path(command[0], run_name="__main__")
