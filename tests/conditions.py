"""Find the conditions of the template that were true or false: `with watched() as seen:`.

Copier compiles the files of template/ and the texts of copier.yml with Jinja. In the `with` block, each
`{% if %}`, each `a if b else c` and each `{% for … if %}` reports whether it was true.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from copier import _main
from copier._jinja_ext import SandboxedEnvironment, YieldExtension  # not public
from jinja2 import nodes

from tests.helpers import SOURCES

CONDITIONAL = (nodes.If, nodes.CondExpr, nodes.For)
# A file or a text of copier.yml, and the number of the condition in it.
Condition = tuple[str, int]
Seen = set[tuple[Condition, bool]]


@contextmanager
def watched() -> Iterator[Seen]:
    """Record the outcome of each condition that Copier evaluates in this process."""
    seen: Seen = set()

    class Watching(SandboxedEnvironment):
        def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
            tree = super()._parse(source, name, filename)
            for number, node in enumerate(conditional(tree)):
                where = nodes.Const((name or source, number))
                note = nodes.EnvironmentAttribute("note")
                node.test = nodes.Call(note, [where, node.test], [], None, None)
                node.test.set_lineno(node.lineno).set_environment(self)
            return tree

        @staticmethod
        def note(condition: Condition, value: Any) -> Any:
            seen.add((condition, bool(value)))
            return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_main, "SandboxedEnvironment", Watching)
        yield seen


def conditional(tree: nodes.Template) -> list[Any]:
    """Return the nodes that have a condition. They have no common base class."""
    found: Iterator[Any] = tree.find_all(CONDITIONAL)
    return [node for node in found if node.test is not None]


def conditions(root: Path, config: dict[str, Any]) -> set[Condition]:
    """Return all conditions of the template in a directory, and of its copier.yml."""
    files = [path for name in SOURCES for path in (root / name).rglob("*.jinja")]
    sources = [(path.relative_to(root).as_posix(), path.read_text()) for path in files]
    sources += [(text, text) for text in texts(config)]
    environment = SandboxedEnvironment(
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension", YieldExtension],
        **{name: value for name, value in config["_envops"].items() if name != "undefined"},
    )
    return {
        (name, number)
        for name, text in sources
        for number, _ in enumerate(conditional(environment.parse(text)))
    }


def texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value of copier.yml."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)
