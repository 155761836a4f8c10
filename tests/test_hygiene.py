"""The template stays readable, and needs no `--trust`."""

import ast
import io
import re
import tokenize
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from tests.helpers import CONFIG, ROOT

TEMPLATE = ROOT / "template"

# Python files with control tags, and the reasons. Other files are Python, or Python with names in
# braces.
CONTROL_TAGS = {
    "src/{{ package_name }}/api/app.py.jinja": "the lines of telemetry and of tenants",
    "src/{{ package_name }}/api/routes/__init__.py.jinja": "an import list: the example's routes",
    "src/{{ package_name }}/models/__init__.py.jinja": "an import list: the example's models",
    "src/{{ with_tenants }}/api/tenant.py.jinja": "the example finds the tenant in its tokens",
    "tests/api/conftest.py.jinja": "an import list: the fixtures of tenants",
    "src/{{ package_name }}/repositories/__init__.py.jinja": "an import list: its repositories",
    "src/{{ package_name }}/unit_of_work.py.jinja": "its two repositories, or none; the database of tenants",
    "tests/db/plugin.py.jinja": "an import list: the plugins of options",
}


def sources() -> list[Path]:
    return [
        path
        for path in TEMPLATE.rglob("*")
        if path.is_file() and not {"__pycache__", ".ruff_cache"} & set(path.parts)
    ]


def python_sources() -> list[Path]:
    return [path for path in sources() if path.name.endswith((".py", ".py.jinja"))]


def test_control_tags_in_python_have_a_reason() -> None:
    tagged = {
        path.relative_to(TEMPLATE).as_posix()
        for path in python_sources()
        if "{%" in path.read_text()
    }

    assert tagged == CONTROL_TAGS.keys()


def test_a_file_is_a_template_only_if_something_is_rendered_in_it() -> None:
    for path in sources():
        text = path.read_text()
        rendered = "{{" in text or "{%" in text
        github = ".github" in path.parts  # expressions of GitHub look the same
        assert path.suffix != ".jinja" or rendered, path
        assert path.suffix == ".jinja" or not rendered or github, path


def test_file_names_are_valid_on_every_system() -> None:
    for path in TEMPLATE.rglob("*"):
        assert not re.search(r'["\'<>:|?*\\%]', path.name), path
        assert len(path.relative_to(TEMPLATE).as_posix()) < 120


def test_nothing_needs_trust() -> None:
    assert CONFIG.keys().isdisjoint({"_tasks", "_migrations", "_jinja_extensions"})


def test_the_projects_own_repository_is_never_touched() -> None:
    assert ".git" in CONFIG["_exclude"]


def test_the_list_of_excluded_files_needs_no_answer() -> None:
    # An update renders the old version with the new list, and has no answer to a new question.
    environment = Environment(undefined=StrictUndefined)
    for line in CONFIG["_exclude"]:
        for operation in ("copy", "update"):
            environment.from_string(line).render(_copier_operation=operation)


def test_no_file_is_long() -> None:
    ours = [path for name in ("tests", "benchmarks") for path in (ROOT / name).rglob("*.py")]
    for path in [*python_sources(), *ours]:
        assert len(path.read_text().splitlines()) <= 300, path


# Lines of code, without docstrings, comments and blank lines. Directories with their own budget do
# not count for the directory above them.
BUDGET = {
    "src/{{ package_name }}/db": 2150,
    "src/{{ package_name }}/db/audit": 350,
    "src/{{ package_name }}/db/fastapi": 350,
    "src/{{ package_name }}/db/opentelemetry": 80,
    "src/{{ package_name }}/db/tenancy": 460,
    "src/{{ package_name }}/db/tenancy/request.py": 20,  # with the web
    "src/{{ package_name }}/db/migrations": 750,  # in the wheel
    "src/{{ package_name }}/db/migrations/authoring": 912,  # not in the wheel
    "src/{{ package_name }}/db/migrations/gate": 300,
    "tests/db": 560,
    "tests/db/fastapi": 80,
    "tests/db/tenancy": 90,
    "tests/db/test_audit.py.jinja": 60,
    "tools": 575,
    "tools/roles.py": 80,
}


def test_the_rendered_code_is_within_its_budget() -> None:
    for directory, budget in BUDGET.items():
        others = [TEMPLATE / other for other in BUDGET if other.startswith(f"{directory}/")]
        files = [
            path
            for path in python_sources()
            if path.is_relative_to(TEMPLATE / directory)
            and not any(path.is_relative_to(other) for other in others)
        ]
        lines = sum(code_lines(path.read_text()) for path in files)
        print(f"{directory}: {lines} of {budget} lines")
        assert 0 < lines <= budget * 1.05, directory


def code_lines(text: str) -> int:
    """Count the lines with code. An expression in braces counts as a name. A tag does not count."""
    text = re.sub(r"\{% .*? %\}", "", re.sub(r"\{\{ \w+ \}\}", "name", text))
    layout = {
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
        *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            lines.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(lines)
