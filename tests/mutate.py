"""Find changes of the data layer that its proofs do not notice: `just mutate [MODULE…]`.

The tool mutmut makes mutants of a module. Each mutant has one small change, and the proofs of the
module run on it until one fails. A mutant that survives shows a gap in the proofs, or its change
has no effect. docs/mutants.md lists those. This takes too long for CI.

Limits: it does not change the constants of modules and classes, and does not remove statements.
"""

import ast
import shutil
import subprocess
import tempfile
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

from tests.helpers import render_project, run, snapshot
from tests.test_proofs import install_proofs

TOOL = "mutmut==3.8.1"

# The quick proofs of each module. The slow proofs run only on the mutants that survive them.
PROOFS = {
    "retry": ["retry"],
    "errors": ["errors"],
    "translation": ["errors", "retry", "transactions"],
    "unit_of_work": ["transactions", "hooks", "retry", "errors"],
    "cursor": ["pagination_cursors", "pagination"],
    "pagination": ["pagination", "pagination_cursors", "pagination_properties"],
}
SLOW_PROOFS = {
    "translation": ["guards", "faults_conflicts"],
    "cursor": ["pagination_properties"],
    "pagination": ["pagination_plans"],
    "unit_of_work": ["faults_cancellation", "faults_restart"],
}

# A worker is forked from a process that has imported the tests and run none. So workers share no
# event loop and no connection.
SETTINGS = """
[tool.mutmut]
source_paths = ["src/"]
only_mutate = ["src/shop/db/{module}.py"]
also_copy = ["migrations", "scripts", "tools"]
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {proofs}
process_isolation = "forkserver"
timeout_multiplier = 2.0
timeout_constant = 10.0
"""

# Run a command on one server. Otherwise each mutant would start another one.
ON_A_SERVER = """
import os, subprocess, sys
from tools.embedded import EmbeddedPostgres
server = EmbeddedPostgres()
try:
    environment = os.environ | {"TEST_DATABASE_URL": server.start()}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
finally:
    server.stop()
"""


def main() -> None:
    """Mutate modules, and print for each what was killed and what survived."""
    parser = ArgumentParser(
        prog="just mutate", description="Run the proofs on mutants of a module."
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(PROOFS))
    parser.add_argument(
        "--only", metavar="NAMES", help="a sample: '*3' is every mutant whose number ends in 3"
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.modules) - set(PROOFS)):
        parser.error(f"no module with proofs: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        Path(directory).chmod(0o755)  # if root calls, PostgreSQL runs as nobody
        template, shop = snapshot(Path(directory, "template")), Path(directory, "shop")
        render_project(template, shop)
        install_proofs(shop)
        run(["uv", "add", "--quiet", "--dev", TOOL], shop)
        settings = (shop / "pyproject.toml").read_text()
        for module in options.modules or PROOFS:
            added = SETTINGS.format(module=module, proofs=paths(PROOFS[module]))
            (shop / "pyproject.toml").write_text(settings + added)
            undecorate(shop / f"src/shop/db/{module}.py")
            mutate(shop, module, [options.only] if options.only else [])


def paths(proofs: list[str]) -> list[str]:
    """Return the path of proofs in a project."""
    return [f"tests/proofs/test_{name}.py" for name in proofs]


def undecorate(module: Path) -> None:
    """Apply decorators after the functions, because mutmut does not change decorated functions."""
    text = module.read_text()
    lines = text.splitlines()
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list
    ]
    for function in sorted(functions, key=lambda function: function.lineno, reverse=True):
        [decorator] = function.decorator_list
        name = ast.unparse(decorator)
        if "cache" not in name:  # with a cache, mutmut would not know which tests call the function
            applied = f"{function.name} = {name}({function.name})"
            lines.insert(function.end_lineno or 0, " " * function.col_offset + applied)
        del lines[decorator.lineno - 1]
    module.write_text("\n".join(lines) + "\n")


def mutate(shop: Path, module: str, names: list[str]) -> None:
    """Run the proofs on the mutants of a module, and print the result."""
    print(f"\n{module}", flush=True)
    shutil.rmtree(shop / "mutants", ignore_errors=True)
    on_a_server(shop, "mutmut", "run", "--max-children", "2", *names)
    results = run(["uv", "run", "mutmut", "results", "--all", "true"], shop).split("\n")
    fates = dict(line.strip().rsplit(": ", 1) for line in results if ": " in line)
    source = shop / f"src/shop/db/{module}.py"
    for name in [name for name, fate in fates.items() if fate == "survived"]:
        if module in SLOW_PROOFS:
            original = source.read_text()
            run(["uv", "run", "mutmut", "apply", name], shop)
            fates[name] = "survived" if passes(shop, SLOW_PROOFS[module]) else "killed"
            source.write_text(original)
    for name, fate in fates.items():
        if fate not in {"killed", "not checked"}:
            print(
                run(["uv", "run", "mutmut", "show", name], shop), f"finally: {fate}\n", flush=True
            )
    print(f"{module}: {len(fates)} mutants, {dict(Counter(fates.values()))}", flush=True)


def passes(shop: Path, proofs: list[str]) -> bool:
    """Return whether the proofs pass."""
    return on_a_server(shop, "pytest", "-x", "-q", "-p", "no:randomly", *paths(proofs)) == 0


def on_a_server(shop: Path, *command: str) -> int:
    """Run a command of a project on a temporary PostgreSQL, and return its exit code."""
    python = ["uv", "run", "--quiet", "python", "-c", ON_A_SERVER]
    return subprocess.run([*python, *command], cwd=shop, check=False).returncode


if __name__ == "__main__":
    main()
