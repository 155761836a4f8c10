"""Measure `copier copy`: render this template, and a template that has one file."""

import gc
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import copier
from copier.errors import MissingFileWarning

from .figures import Sample

NAMES = ["a template with one file", "ours"]


def render(template: Path, project: Path, **answers: str | bool) -> None:
    """Render a project with the default answers, and with these answers."""
    with warnings.catch_warnings():
        # At each first copy Copier warns that there are no previous answers.
        warnings.simplefilter("ignore", MissingFileWarning)
        copier.run_copy(str(template), project, answers, defaults=True, quiet=True)


def measure(template: Path, rounds: int) -> Iterator[Sample]:
    """Render both templates in turns. Copier is imported already. Round 0 warms up."""
    with tempfile.TemporaryDirectory() as directory:
        small = Path(directory, "small")
        small.mkdir()
        (small / "README.md.jinja").write_text("# {{ _folder_name }}\n")
        for number in range(rounds + 1):
            turns = list(enumerate(zip(NAMES, (small, template), strict=True)))
            for place, (name, source) in turns if number % 2 else reversed(turns):
                gc.collect()
                begin = perf_counter()
                render(source, Path(directory, f"{number}-{place}", "shop"))
                figures = {"s": perf_counter() - begin}
                yield Sample(number, "copier copy", name, place, figures)
