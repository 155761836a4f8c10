"""`just remove-example` also removes the settings of tokens and the dependency for forms."""

import sys
from pathlib import Path

import pytest

from tests.helpers import Render, commit, edit, run

pytestmark = pytest.mark.slow

# Files that also a project without the example has, and that the command changes.
CHANGED = (".env.example", "compose.yaml", "justfile", "pyproject.toml", "README.md")


@pytest.fixture
def project(render: Render, tmp_path: Path) -> Path:
    return render(tmp_path / "shop")


def remove_example(project: Path, *options: str) -> None:
    commit(project, "Live")
    run([sys.executable, "-m", "scripts.remove_example", *options], project)


@pytest.mark.parametrize("web", ["fastapi", "none"])
def test_the_files_equal_those_of_a_project_that_never_had_the_example(
    render: Render, tmp_path: Path, web: str
) -> None:
    project, never = (
        render(tmp_path / str(example) / "shop", web_framework=web, example=example)
        for example in (True, False)
    )

    remove_example(project)

    for name in CHANGED:
        assert (project / name).read_text() == (never / name).read_text(), name


def test_your_settings_stay_and_so_does_a_dependency_that_you_need(project: Path) -> None:
    edit(project / ".env.example", "# Yours.\n", "# Yours.\n# OURS=1\n")
    edit(project / ".env.example", "\n# How many seconds a token", "# How many seconds a token")
    (project / "src/shop/api/routes/forms.py").write_text("from fastapi import UploadFile\n")
    (project / "compose.yaml").unlink()

    remove_example(project)

    text = (project / ".env.example").read_text()
    assert "# Yours.\n# OURS=1\n" in text
    assert "TOKEN" not in text.upper()
    assert '"python-multipart>=' in (project / "pyproject.toml").read_text()
    assert not (project / "compose.yaml").exists()


def test_the_settings_of_tokens_stay_with_your_code_of_tokens(project: Path) -> None:
    before = (project / ".env.example").read_text()
    commit(project, "Render")
    edit(project / "src/shop/api/security.py", '"HS256"', '"HS512"')

    remove_example(project)

    assert (project / ".env.example").read_text() == before
    assert "WEB_TOKEN_SECRET" in (project / "compose.yaml").read_text()
