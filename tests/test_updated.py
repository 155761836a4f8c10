"""After an update, `just updated` names what is left to do, and `just check` finds conflicts."""

import shutil
from collections.abc import Callable
from pathlib import Path

import copier
import pytest

from tests.helpers import (
    Render,
    attempt,
    commit,
    edit,
    git,
    left,
    prepend,
    publish,
    render_project,
    run,
    snapshot,
)
from tests.snippets import snippet

pytestmark = pytest.mark.slow

RUN = [COMPARE := snippet("docs/update.md", "answer() {")]

MARKER = "<<<<<<< before updating\n"
EJECTED = "src/shop/db/unit_of_work/retry.py"
KEPT = "tools/container.py"  # taken over too, and the template keeps its own


@pytest.fixture(scope="module")
def after_update(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after an update that conflicts, renames a file and deletes two, before a commit."""
    directory = tmp_path_factory.mktemp("updated")
    template = snapshot(directory / "template")
    publish(template, "v1.0.0")
    project = render_project(template, directory / "with a space/shop")
    listed = f"ejected:\n- {EJECTED}\n- {KEPT}\n- tools/none.py\n"
    edit(project / ".copier-answers.yml", "ejected: []\n", listed)
    prepend(project / "tools/psql.py", "# ours\n")
    edit(project / "compose.yaml", "postgres:18-alpine", "postgres:17-alpine")
    prepend(project / EJECTED, "# ours\n")
    commit(project, "Live")
    sources = template / "template"
    edit(sources / "compose.yaml.jinja", "postgres:18-alpine", "postgres:19-alpine")
    (sources / "tools/psql.py").rename(sources / "tools/console.py")
    package = sources / "src/{{ package_name }}"
    (package / "db/unit_of_work/retry.py").unlink()
    (package / "db/unset.py").unlink()
    publish(template, "v2.0.0")
    copier.run_update(project, defaults=True, overwrite=True, quiet=True)
    (project / "notes.md.rej").write_text("two lines\n")
    return project


@pytest.fixture
def project(after_update: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return shutil.copytree(after_update, tmp_path / "shop", symlinks=True)


def test_all_that_an_update_left_is_named(project: Path) -> None:
    code, output = left(project)

    assert code == 1
    assert "These lines have a conflict. Edit them:\n    compose.yaml:" in output
    assert "Merge and delete them:\n    notes.md.rej\n" in output
    gone = ["src/shop/db/unset.py", "tools/psql.py"]
    assert "or commit:\n" + "".join(f"    {name}\n" for name in gone) in output
    assert "Correct them:\n    tools/none.py\n" in output
    assert (project / EJECTED).read_text().startswith("# ours\n")


NOTES = """
[[notes]]
what = "The setting DATABASE_POOL is gone."
do = "Remove it."
words = ["DATABASE_POOL"]
[[notes]]
what = "The example is better."
do = "Compare it."
seeds = ["src/<package>/nothing.py"]
"""


def test_notes_look_at_the_files_of_the_project_and_at_those_that_it_has_taken_over(
    project: Path,
) -> None:
    (project / "tools/releases/1001.0.0.toml").write_text(NOTES)
    (project / ".import_linter_cache").mkdir()
    ignored = ["dist/old.py", ".import_linter_cache/old.json", "src/shop/db/unset.py"]
    for name in [*ignored, KEPT, ".env", "src/shop/settings.py"]:
        (project / name).parent.mkdir(exist_ok=True)
        with (project / name).open("a") as file:
            file.write("# DATABASE_POOL\n")

    output = left(project)[1]

    places = "".join(f"    {name}\n" for name in ("src/shop/settings.py", ".env", KEPT))
    assert f"1001.0.0: The setting DATABASE_POOL is gone. Remove it.\n{places}These" in output
    assert "an update does not renew them. Compare them with a new project:\n" in output
    assert "The example is better." not in output  # its files are not in the project


def test_it_fails_until_the_last_is_done(project: Path) -> None:
    todo: dict[str, Callable[[], object]] = {
        "compose.yaml:": lambda: git(project, "checkout", "HEAD", "--", "compose.yaml"),
        "notes.md.rej": (project / "notes.md.rej").unlink,
        "tools/psql.py": lambda: git(project, "restore", "--source", "HEAD", "tools/psql.py"),
        "src/shop/db/unset.py": lambda: commit(project, "Agree"),
        "tools/none.py": lambda: edit(project / ".copier-answers.yml", "- tools/none.py\n", ""),
    }
    for name, action in todo.items():
        code, output = left(project)
        assert code == 1
        assert f"    {name}" in output
        action()

    assert left(project) == (0, "Nothing is left to do.\n")


def test_a_project_is_compared_with_a_new_one_of_the_same_version(project: Path) -> None:
    script = COMPARE.code
    options = "--quiet --defaults --data-file .copier-answers.yml --data 'ejected=[]' --vcs-ref"
    assert f"uvx copier copy {options} " in script
    prepend(project / "src/shop/settings.py", "# ours\n")

    done = attempt(["sh", "-e", "-c", script], project)

    assert done.returncode == 1  # `diff` has found something
    assert "-# ours\n" in done.stdout
    assert (project.parent / "new/tools/console.py").exists()
    assert (project.parent / "new" / KEPT).exists()


def test_an_update_that_is_committed_is_compared_with_the_commit_before(project: Path) -> None:
    commit(project, "Update")

    assert "tools/psql.py" not in left(project)[1]
    assert "    tools/psql.py\n" in left(project, "HEAD~1")[1]
    assert "git ls-tree failed: " in left(project, "nothing")[1]


@pytest.mark.parametrize(
    "listed",
    [
        "ejected:\n- tools/psql.py\n- gone.py\n",
        "ejected:\n  - 'tools/psql.py' # a reason\n  - \"gone.py\"\n",
        "ejected: [tools/psql.py, gone.py]\n",
        "ejected: [\n  tools/psql.py,\n  gone.py,\n  ]\n",
    ],
)
def test_a_path_that_leads_nowhere_is_found_however_it_is_written(
    render: Render, tmp_path: Path, listed: str
) -> None:
    project = render(tmp_path / "shop")
    commit(project, "Render")
    answers = project / ".copier-answers.yml"
    edit(answers, "ejected: []\n", listed)

    code, output = left(project)

    assert code == 1
    assert output.endswith("Correct them:\n    gone.py\n")


def test_a_conflict_is_found_in_any_file_and_not_in_what_git_ignores(
    render: Render, tmp_path: Path
) -> None:
    project = render(tmp_path / "with a space/shop")
    names = [
        *("compose.yaml", "Dockerfile", ".github/workflows/ci.yml", "README.md", ".gitignore"),
        *("src/shop/models/user.py", "a new file.txt", "docs/größe.md"),
    ]
    for name in [*names, ".venv/ignored.py"]:
        (project / name).parent.mkdir(exist_ok=True)
        with (project / name).open("a") as file:
            file.write(f"\n{MARKER}=======\n>>>>>>> after updating\n")

    for has_git in (False, True):
        if has_git:
            commit(project, "All")
        code, output = left(project, "--conflicts")
        found = {line.strip().partition(":")[0] for line in output.splitlines()[1:]}

        assert (code, found) == (1, set(names))


def test_a_project_without_a_conflict_passes(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop")

    assert left(project, "--conflicts") == (0, "")
    commit(project, "Render")
    assert left(project) == (0, "Nothing is left to do.\n")


def test_a_project_in_a_subfolder_is_updated_and_judged(tmp_path: Path) -> None:
    template = snapshot(tmp_path / "template")
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "mono/apps/shop")
    (tmp_path / "mono/other").mkdir()
    (tmp_path / "mono/other/file.py").write_text("x = 1\n")
    (tmp_path / "mono/.github").mkdir()
    shutil.move(project / ".github/workflows", tmp_path / "mono/.github/workflows")
    commit(tmp_path / "mono", "Render")
    sources = template / "template"
    (sources / "tools/psql.py").unlink()
    prepend(sources / ".github/workflows/ci.yml", "# version 2\n")
    publish(template, "v2.0.0")

    run(["copier", "update", "--skip-answered", "--defaults"], project)
    (tmp_path / "mono/other/file.py").unlink()

    assert not (project / ".github").exists()
    assert left(project)[1].endswith("or commit:\n    tools/psql.py\n")


def test_a_template_that_has_moved_is_found_by_its_new_address(tmp_path: Path) -> None:
    template = snapshot(tmp_path / "template")
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "shop")
    moved = template.rename(tmp_path / "elsewhere")
    edit(project / ".copier-answers.yml", f"_src_path: {template}\n", f"_src_path: {moved}\n")
    commit(project, "Render")
    (moved / "template/tools/new.py").write_text('"""New."""\n')
    publish(moved, "v2.0.0")

    run(["copier", "update", "--skip-answered", "--defaults"], project)

    assert (project / "tools/new.py").exists()


def test_a_recopy_renders_the_projects_own_files_again(tmp_path: Path) -> None:
    template = snapshot(tmp_path / "template")
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "shop")
    edit(project / "README.md", "## Start", "## Our own words\n\n## Start")
    commit(project, "Live")

    run(["copier", "recopy", "--defaults", "--overwrite"], project)

    assert git(project, "status", "--porcelain") == " M README.md\n"
    git(project, "restore", ".")


def test_what_cannot_be_merged_goes_into_other_files_if_copier_is_told_so(tmp_path: Path) -> None:
    template = snapshot(tmp_path / "template")
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "shop")
    edit(project / "compose.yaml", "postgres:18-alpine", "postgres:17-alpine")
    commit(project, "Live")
    edit(template / "template/compose.yaml.jinja", "postgres:18-alpine", "postgres:19-alpine")
    publish(template, "v2.0.0")

    run(["copier", "update", "--defaults", "--conflict", "rej"], project)

    assert left(project)[1].endswith("Merge and delete them:\n    compose.yaml.rej\n")
