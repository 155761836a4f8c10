"""Follow docs/deploy.md exactly."""

import re
from pathlib import Path

import pytest

from tests.helpers import ROOT, Render, edit, on_a_server
from tests.snippets import files, snippets

pytestmark = pytest.mark.slow

DOCUMENT = (ROOT / "docs/deploy.md").read_text()
FILES = files("docs/deploy.md")
[ROUTE] = snippets("docs/web.md", "python")
RUN = [*FILES.values(), ROUTE]
STEPS = """
uv run just revision "add notes"
uv run just migrate
uv run just lint types imports
env -u DATABASE_URL uv run pytest -q tests/integration/test_notes.py tests/db
"""


def test_a_resource_is_added_as_the_document_says(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop")
    package = project / "src/shop"
    for name, file in FILES.items():
        (project / name).write_text(file.code)
    edit(package / "models/__init__.py", "from .post", "from .note import Note\nfrom .post")
    edit(package / "models/__init__.py", '    "Post",\n', '    "Note",\n    "Post",\n')
    unit_of_work = package / "unit_of_work.py"
    module = "from .repositories.notes import NoteQueries, NoteRepository\n"
    edit(unit_of_work, "\n\nclass UnitOfWork", f"{module}\n\nclass UnitOfWork")
    writing, reading = "self.posts = PostRepository", "self.posts = PostQueries"
    edit(unit_of_work, writing, f"self.notes = NoteRepository(session)\n        {writing}")
    edit(unit_of_work, reading, f"self.notes = NoteQueries(session)\n        {reading}")
    routes = package / "api/routes/__init__.py"
    edit(routes, "import files, posts", "import files, notes, posts")
    edit(routes, "    posts.router", "    notes.router,\n    posts.router")

    (package / "api/routes/publication.py").write_text(f'"""Publish posts."""\n\n{ROUTE.code}')
    edit(routes, "notes, posts", "notes, posts, publication")
    edit(routes, "    posts.router", "    publication.router,\n    posts.router")

    output = on_a_server(project, STEPS)

    assert "add_notes.py" in output
    assert re.search(r"\d+ passed", output)


def test_the_lines_for_a_later_switch_are_those_of_a_new_project(
    render: Render, tmp_path: Path
) -> None:
    project = render(tmp_path / "shop", observability="opentelemetry")
    application = (project / "src/shop/api/app.py").read_text()
    [section] = re.findall(r"If you switch it on later(.*?)\n\n", DOCUMENT, re.DOTALL)

    codes = re.findall(r"`([^`]+)`", section)
    lines = [each for each in codes if re.search(r"import|\(|=", each)]
    assert len(lines) == 3
    for line in lines:
        assert line in application


def test_the_commands_of_the_document_are_those_of_the_image(project: Path) -> None:
    commands = re.findall(r"^docker run .* shop (alembic.*?)\s+#", DOCUMENT, re.MULTILINE)
    image = (project / "Dockerfile").read_text()

    assert commands == ["alembic -x phase=expand upgrade head", "alembic upgrade head"]
    for command in commands:
        assert f"`{command}`" in image
    for name in re.findall(r"UVICORN_[A-Z_]+", DOCUMENT):
        assert f"{name}=" in image or name.endswith("_")
