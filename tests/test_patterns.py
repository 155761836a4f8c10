"""The snippets of a document run, in their order, on the rendered example."""

import re
from pathlib import Path
from textwrap import indent

import pytest

from tests.helpers import NO_DOCKER, ROOT, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["patterns", "coming-from"])
def test_the_snippets_run_and_fit_their_types(shop: Path, name: str) -> None:
    document = (ROOT / f"docs/{name}.md").read_text()
    imports, *snippets = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    body = indent("\n".join(snippets), "    ")
    test = shop / "tests/test_snippets.py"
    test.write_text(f"{imports}\n\nasync def test_snippets(database: Database) -> None:\n{body}")
    try:
        assert "1 passed" in run(["uv", "run", "pytest", "-q", str(test)], shop, **NO_DOCKER)
        run(["uv", "run", "mypy", str(test)], shop)
        run(["uv", "run", "ruff", "check", "--select", "F401", str(test)], shop)
    finally:
        test.unlink()
