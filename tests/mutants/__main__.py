"""Find changes of the data layer that its proofs do not notice: `just mutate [PLACE…]`.

mutmut changes a module in one small place after another. The module's proofs run on each mutant until
one fails. A mutant that survives shows a gap in the proofs, or changes nothing that can be seen:
docs/mutants.md lists these mutants. A run takes too long for CI. ::

    just mutate unit_of_work/retry                              # all mutants of a module
    just mutate --sample 300 --seed 8 --results mutants.jsonl   # some of all rooms, without those of options
    just mutate --option audit --sample 20                      # some of an option's room

mutmut does not remove statements.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers import render_project, run, snapshot
from tests.mutants.table import read_options
from tests.test_proofs import OPTIONS, install_option, install_proofs

TOOL = "mutmut==3.8.1"


def main() -> None:
    """Render a project with the proofs, and run the rest of the command inside of it."""
    options, arguments = read_options(), sys.argv[1:]
    if options.results:
        arguments += ["--results", str(options.results.absolute())]
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs as nobody for root
        template, shop = snapshot(Path(directory, "template")), Path(directory, "shop")
        if options.option:
            install_option(
                render_project(template, shop, **OPTIONS[options.option]), options.option
            )
        else:
            install_proofs(render_project(template, shop))
        run(["uv", "add", "--quiet", "--dev", TOOL], shop)
        shutil.copytree(Path(__file__).parent, shop / "tests/mutants")
        inside = ["uv", "run", "--quiet", "python", "-m", "tests.mutants.inside", *arguments]
        sys.exit(subprocess.run(inside, cwd=shop, check=False).returncode)


if __name__ == "__main__":
    main()
