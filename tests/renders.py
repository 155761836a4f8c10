"""Render projects for tests without repeated work. The bytes are the same as from Copier."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import Environment

from tests.helpers import QUESTIONS, Render, render_project


def make_once(path: Path, make: Callable[[Path], object]) -> Path:
    """Let `make` write a file or directory, unless it exists. Several workers may call this."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            # This uses another name, because another worker must not see an unfinished file.
            made = Path(scratch, path.name)
            make(made)
            with suppress(OSError):  # another worker was first
                made.rename(path)
    return path


def render_once(template: Path, kept: Path, destination: Path, **answers: Any) -> Path:
    """Render a project like `render_project`, or copy the project that has the same answers.

    A kept project is found by its answers and by the name of its folder, because the defaults of two
    questions come from that name. Refusals are not kept.
    """
    key = hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]
    source = make_once(
        kept / key / destination.name,
        lambda path: render_project(template, path, **answers),
    )
    return shutil.copytree(source, destination)


def render_each_answer(render: Render, directory: Path) -> list[Path]:
    """Render a few projects called shop. Each answer to each question is in one of them.

    One of them has the example with tenants.
    """
    listed = {name: choices(question) for name, question in QUESTIONS.items()}
    tenants = render(directory / "tenants", package_name="shop", multi_tenancy="rls")
    return [tenants] + [
        render(
            directory / str(row),
            package_name="shop",
            **{name: each[row % len(each)] for name, each in listed.items() if each},
        )
        for row in range(max(map(len, listed.values())))
    ]


def choices(question: dict[str, Any]) -> list[Any]:
    """Return all answers to a question that has choices, and none to another question."""
    if question["type"] == "bool":
        return [True, False]
    listed = question.get("choices", [])
    return list(listed.values()) if isinstance(listed, dict) else listed


def compile_once() -> Callable[..., CodeType | str]:
    """Return a function that replaces `Environment.compile`, and compiles each text once.

    For each project, Copier makes an environment and compiles more than 2,000 texts in it: each path
    and each default. This takes half of its time. The code depends only on the syntax and the
    extensions of the environment.
    """
    compile_text = Environment.compile
    compiled: dict[Hashable, CodeType | str] = {}

    def compile_or_remember(
        environment: Environment, source: str, name: str | None = None, *rest: Any, **options: Any
    ) -> CodeType | str:
        syntax = environment.lexer, environment.undefined, *sorted(environment.extensions)
        # `rest` begins with the path of the file, which only tracebacks show.
        key = type(environment), syntax, source, name, rest[1:], tuple(options.items())
        if key not in compiled:
            compiled[key] = compile_text(environment, source, name, *rest, **options)
        return compiled[key]

    return compile_or_remember
