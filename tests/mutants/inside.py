"""The part of `just mutate` that runs in a rendered project: change modules, run proofs, and report.

The runner of mutmut keeps all mutants of a function in one file, and chooses one of them at run time.
It cannot do that to a decorated function, and its frames hide the call sites that some proofs look
for. So this file uses only the changes of mutmut. It writes each mutant over its module, and runs the
proofs in a new process, which imports the module again.
"""

import difflib
import json
import os
import random
import re
import signal
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import Mutation, MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import get_ignored_lines

from tests.mutants.table import PROOFS, is_in, modules_of, node_of, read_options
from tools.embedded import EmbeddedPostgres

LAYER = Path("src/shop/db")
OUTPUT = Path("mutants.log")

# They are imported before the processes are forked. Otherwise each process would import them again.
LIBRARIES = ["alembic.command", "asyncpg", "fastapi", "hypothesis", "httpx", "pydantic_settings"]
LIBRARIES += ["polyfactory.factories.sqlalchemy_factory", "sqlalchemy.ext.asyncio", "stamina"]


class Everywhere(MutationVisitor):
    """Find the possible changes of a module, also in decorated functions."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.FunctionDef():
                return False
            case cst.Assign(targets=[cst.AssignTarget(cst.Name("__all__"))]):
                return True
        return super()._skip_node_and_children(node)


class Mutant(NamedTuple):
    """A module with one small change."""

    module: str
    tree: cst.Module
    change: Mutation

    @property
    def text(self) -> str:
        """The source of the module with the change."""
        tree = deep_replace(self.tree, self.change.original_node, self.change.mutated_node)
        assert isinstance(tree, cst.Module)
        return tree.code

    @property
    def name(self) -> str:
        """The name of the module, and the change as a diff."""
        before, after = self.tree.code.splitlines(), self.text.splitlines()
        diff = [*difflib.unified_diff(before, after, n=1, lineterm="")]
        return "\n".join([self.module, *diff[2:]])


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield all mutants of a module."""
    text = (LAYER / f"{module}.py").read_text()
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = Everywhere(mutation_operators, get_ignored_lines(module, text, wrapper))
    tree = wrapper.visit(visitor)
    for change in visitor.mutations:
        yield Mutant(module, tree, change)


def draw(mutants: list[Mutant], number: int, seed: int) -> list[Mutant]:
    """Divide mutants into equal parts, draw one mutant of each part, and shuffle them.

    So the sample has mutants of each room in proportion, and its first part is a sample too.
    """
    dice, total = random.Random(seed), len(mutants)
    bounds = [total * part // number for part in range(number + 1)]
    drawn = [mutants[dice.randrange(*bounds[part : part + 2])] for part in range(number)]
    dice.shuffle(drawn)
    return drawn


def choose(options: Namespace) -> list[Mutant]:
    """Return the mutants that the command names. The same seed draws the same sample for all places."""
    places, changed = options.places or [""], modules_of(options.option)
    modules = [each for each in changed if any(is_in(place, each) for place in places)]
    if not options.sample:
        return [mutant for module in modules for mutant in mutants_of(module)]
    every = [mutant for module in changed for mutant in mutants_of(module)]
    print(f"{options.sample} of {len(every)} mutants")
    drawn = draw(every, options.sample, options.seed)
    return [mutant for mutant in drawn if mutant.module in modules]


@contextmanager
def in_place(mutant: Mutant, number: int) -> Iterator[None]:
    """Write a mutant over its module, and restore the module at the end.

    Args:
        number: the number of the mutant. It changes the time of the file, so Python ignores its cache.
    """
    path = LAYER / f"{mutant.module}.py"
    text, modified = path.read_text(), path.stat().st_mtime
    try:
        path.write_text(mutant.text)
        os.utime(path, (modified - number, modified - number))
        yield
    finally:
        path.write_text(text)
        os.utime(path, (modified, modified))


def run_proofs(proofs: list[str]) -> None:
    """Run proofs until one fails, in a forked process."""
    os.setsid()
    with OUTPUT.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    options = ["-x", "-q", "-rfE", "--tb=line", "-p", "no:cacheprovider"]
    options += ["--randomly-dont-reorganize", "--randomly-seed=0"]
    sys.exit(int(pytest.main([*options, *map(node_of, proofs)])))


def attempt(proofs: list[str], seconds: float) -> dict[str, Any]:
    """Run proofs for `seconds` at most. Return whether all pass, which one fails, and the time."""
    start = monotonic()
    process = get_context("fork").Process(target=run_proofs, args=[proofs])
    process.start()
    assert process.pid is not None
    try:
        process.join(seconds)
        code = process.exitcode
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with the programs that it started
        process.join()
    output = OUTPUT.read_text(errors="replace")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    by = failed[1] if failed else " ".join(output.splitlines()[-1:])
    fate = {0: "survived", None: "killed by time"}.get(code, "killed")
    return {"fate": fate, "by": by if fate == "killed" else "", "seconds": monotonic() - start}


class Results:
    """The results so far, in a file of JSON lines. A line is about a mutant, or a file of proofs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._known: dict[str, dict[str, Any]] = {
            each["of"]: each for each in map(json.loads, lines)
        }

    def find(self, of: str, proofs: list[str], seconds: float) -> dict[str, Any]:
        """Return the result of a mutant or a file of proofs. Run the proofs if it is not known."""
        if of not in self._known:
            self._known[of] = {"of": of} | attempt(proofs, seconds)
            with self._path.open("a") as file:
                file.write(json.dumps(self._known[of]) + "\n")
        return self._known[of]

    def limit(self, proofs: list[str]) -> float:
        """Return how many seconds a mutant may take, from the time of its proofs without a mutant."""
        known = [self.find(each, [each], 1200.0) for each in proofs]
        if failed := [each["by"] for each in known if each["fate"] != "survived"]:
            sys.exit(f"a proof fails without a mutant: {failed[0]}\n{OUTPUT.read_text()}")
        return 60 + 5 * sum(float(each["seconds"]) for each in known)


def report(fates: dict[str, str]) -> None:
    """Print the numbers of each room, and then the mutants that survived."""
    counts: Counter[tuple[str, str]] = Counter()
    for name, fate in sorted(fates.items()):
        room = name.split("\n")[0].rpartition("/")[0] or "db"
        counts.update((each, column) for each in (room, "all") for column in ("mutants", fate))
    columns = ["mutants", "killed", "killed by time", "survived"]
    print(f"\n| room | {' | '.join(columns)} |\n{'|---' * 5}|")
    for room in sorted({room for room, _ in counts}, key=lambda room: (room == "all", room)):
        print(f"| {room} | {' | '.join(str(counts[room, column]) for column in columns)} |")
    for name, fate in sorted(fates.items()):
        if fate == "survived":
            print(f"\n{name}")


def main() -> None:
    """Run the proofs on mutants, and report."""
    options = read_options()
    mutants, fates = choose(options), dict[str, str]()
    results = Results(options.results or Path("results.jsonl"))
    for library in LIBRARIES:
        with suppress(ModuleNotFoundError):  # not every project has it
            import_module(library)
    server = EmbeddedPostgres()
    try:
        os.environ["TEST_DATABASE_URL"] = server.start()
        for number, mutant in enumerate(mutants, 1):
            proofs = PROOFS[mutant.module]
            limit = results.limit(proofs)
            with in_place(mutant, number):
                result = results.find(mutant.name, proofs, limit)
            fates[mutant.name] = result["fate"]
            print(
                f"{number}/{len(mutants)}", mutant.module, result["fate"], result["by"], flush=True
            )
    finally:
        server.stop()
        report(fates)


if __name__ == "__main__":
    main()
