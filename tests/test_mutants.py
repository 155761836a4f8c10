"""The table of mutants and proofs is complete."""

import ast
import re

from tests.helpers import ROOT
from tests.mutants import table as mutants
from tests.mutants.table import PROOFS, path_of
from tests.test_proofs import OPTIONS
from tests.test_rooms import LAYER


def has_code(text: str) -> bool:
    """Whether a module has more than a docstring, imports and `__all__`."""
    return any(
        not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        for node in ast.parse(re.sub(r"\{\{ \w+ \}\}", "name", text)).body
    )


def test_each_module_of_the_layer_that_has_code_has_proofs() -> None:
    modules = {
        re.sub(r"\.py(\.jinja)?$", "", path.relative_to(LAYER).as_posix())
        for path in LAYER.rglob("*.py*")
        if "__pycache__" not in path.parts and has_code(path.read_text())
    }

    assert modules == PROOFS.keys()
    assert set(mutants.OPTIONS) == OPTIONS.keys()


def test_the_proofs_of_each_module_exist() -> None:
    for proofs in PROOFS.values():
        for each in proofs:
            name = each.partition("::")[2].partition("[")[0]
            assert f"def {name}" in (ROOT / path_of(each)).read_text(), each
