"""`copier update` renews the template's files, and does not change the project's files."""

import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import copier
import pytest

from tests.helpers import (
    commit,
    edit,
    git,
    lived_in,
    prepend,
    publish,
    render_project,
    run,
    snapshot,
    update,
)
from tests.ownership import SEEDS, classes, matches
from tests.renders import make_once


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """The template as a repository, with its present state as the first version."""
    repository = snapshot(tmp_path / "template")
    publish(repository, "v1.0.0")
    return repository


@pytest.fixture
def living(versions: Path, tmp_path: Path) -> Path:
    """A project that was rendered from the first version, and changed since then."""
    project = tmp_path / "shop"
    render_project(versions, project)
    commit(project, "Render")
    return lived_in(project)


def release(versions: Path) -> None:
    """A second version that changes files of each class."""
    sources = versions / "template"
    package = sources / "src/{{ package_name }}"
    prepend(package / "db/unit_of_work/retry.py", "# version 2\n")
    (package / "db/outbox.py").write_text('"""A new part of the layer."""\n')
    (sources / "tools/new.py").write_text('"""A new tool."""\n')
    edit(sources / "pyproject.toml.jinja", '"stamina>=25.1.0",', '"stamina>=25.2.0",\n    "anyio",')
    edit(sources / "justfile.jinja", "# run the tests,", "# run all tests,")
    prepend(sources / "src/{{ without_tenants }}/models/user.py", "# version 2\n")
    edit(sources / "README.md.jinja", "## Start", "## How to start")
    publish(versions, "v2.0.0")


class Updated(NamedTuple):
    """The projects of an update. Tests only read them."""

    before: Path  # a copy of the next one, before the update
    project: Path  # it was changed before the update
    untouched: Path
    fresh: Path  # rendered from the second version


@pytest.fixture(scope="module")
def updated(shared: Path) -> Updated:
    """Two projects that were updated to a second version, and a fresh one of that version."""
    directory = make_once(shared / "updated", update_two_projects)
    return Updated(*(directory / name / "shop" for name in Updated._fields))


def update_two_projects(directory: Path) -> None:
    """Make the directories of `Updated`."""
    before, project, untouched, fresh = (directory / name / "shop" for name in Updated._fields)
    versions = snapshot(directory / "template")
    publish(versions, "v1.0.0")
    render_project(versions, project)
    commit(project, "Render")
    shutil.copytree(project, untouched)
    shutil.copytree(lived_in(project), before)
    release(versions)
    update(project)
    update(untouched)
    commit(render_project(versions, fresh), "Render")


def test_an_update_renews_the_templates_files(updated: Updated) -> None:
    package = updated.project / "src/shop"
    assert (package / "db/unit_of_work/retry.py").read_text().startswith("# version 2\n")
    assert (package / "db/outbox.py").exists()
    assert (updated.project / "tools/new.py").exists()
    assert '"anyio",' in (updated.project / "pyproject.toml").read_text()
    assert "# run all tests," in (updated.project / "justfile").read_text()


def test_an_update_leaves_the_projects_files_as_they_are(updated: Updated) -> None:
    before, after = contents(updated.before), contents(updated.project)
    renewed = {name for name in after if {"owned", "shared"} & {*classes(updated.project, name)}}
    own = (before.keys() | after.keys()) - renewed
    assert {name: before.get(name) for name in own} == {name: after.get(name) for name in own}
    assert '"httpx",' in after["pyproject.toml"]
    assert after["justfile"].endswith("# ours\n")


def test_an_update_leaves_no_conflict(updated: Updated) -> None:
    assert not any(
        "<<<<<<<" in text or name.endswith(".rej")
        for name, text in contents(updated.project).items()
    )


def test_an_updated_project_without_edits_equals_a_fresh_one(updated: Updated) -> None:
    renewed, expected = (
        {name: text for name, text in contents(each).items() if not matches(SEEDS, name)}
        for each in (updated.untouched, updated.fresh)
    )
    assert renewed == expected


@pytest.mark.slow
def test_an_update_to_the_same_version_changes_nothing(living: Path) -> None:
    before = git(living, "rev-parse", "HEAD^{tree}")

    copier.run_update(living, defaults=True, overwrite=True, quiet=True)

    assert git(living, "status", "--porcelain") == ""
    assert git(living, "rev-parse", "HEAD^{tree}") == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "answer", "recipe"),
    [
        ("package_name", "store", "docs/update.md"),
        ("primary_key", "bigint", "docs/questions.md"),
        ("example", False, "Remove the example"),
    ],
)
def test_an_answer_that_is_decided_once_cannot_be_changed(
    versions: Path, living: Path, question: str, answer: object, recipe: str
) -> None:
    release(versions)

    with pytest.raises(ValueError, match="Decided once") as refusal:
        update(living, **{question: answer})

    assert recipe in str(refusal.value)
    assert git(living, "status", "--porcelain") == ""


@pytest.mark.slow
def test_an_option_can_be_switched_by_an_update(versions: Path, living: Path) -> None:
    update(living, ci="gitlab", docker=False, audit="triggers", multi_tenancy="rls")

    assert (living / "src/shop/db/audit/triggers.py").exists()
    assert (living / "src/shop/db/tenancy/policies.py").exists()
    assert "async def get_tenant" in (living / "src/shop/api/tenant.py").read_text()
    assert not (living / "src/shop/models/organisation.py").exists()  # the example stays as it is
    assert (living / ".gitlab-ci.yml").exists()
    assert not (living / ".github").exists()
    assert not (living / "Dockerfile").exists()

    update(living, docker=True, license="MIT", audit="none")

    assert not (living / "src/shop/db/audit").exists()
    assert (living / "Dockerfile").exists()
    assert "MIT License" in (living / "LICENSE").read_text()
    with pytest.raises(ValueError, match="Decided once as rls"):
        update(living, multi_tenancy="none")


@pytest.mark.slow
@pytest.mark.parametrize("removed", [False, True])
def test_an_option_that_is_switched_on_does_not_change_the_lines_of_the_example(
    versions: Path, tmp_path: Path, removed: bool
) -> None:
    project = render_project(versions, tmp_path / "shop", web_framework="none")
    commit(project, "Render")
    if removed:
        run([sys.executable, "-m", "scripts.remove_example"], project)
        commit(project, "Remove the example")
    before = example_lines(project)

    update(project, web_framework="fastapi", multi_tenancy="rls")

    assert (project / "tools/roles.py").exists()
    assert example_lines(project) == before

    update(project, audit="triggers")  # it renders the old version with the new answers

    assert example_lines(project) == before


def example_lines(project: Path) -> list[str]:
    """Return the recipes and the dependencies of the example, and the settings of its tokens."""
    recipes = (project / "justfile").read_text().partition("\n# Yours.\n")[2]
    dependencies = (
        (project / "pyproject.toml").read_text().split("    # Yours.\n")[1].partition("]")[0]
    )
    texts = [(project / name).read_text() for name in (".env.example", "compose.yaml")]
    return [recipes, dependencies, *re.findall(r".*TOKEN.*|<{7}.*", "\n".join(texts))]


@pytest.mark.slow
def test_a_file_with_windows_line_endings_is_merged_if_git_does_not_have_them(
    versions: Path, living: Path
) -> None:
    name = living / "justfile"
    name.write_bytes(name.read_bytes().replace(b"\n", b"\r\n"))
    commit(living, "Edit it on Windows")
    (living / ".gitattributes").write_text("* text=auto\n")
    git(living, "add", "--renormalize", ".")
    commit(living, "Keep the line endings out of git")
    release(versions)

    update(living)

    text = name.read_text()
    assert "# run all tests," in text
    assert "# ours\n" in text
    assert "<<<<<<<" not in text


@pytest.mark.slow
def test_an_update_adds_an_option_that_the_project_did_not_have(
    versions: Path, tmp_path: Path
) -> None:
    shutil.rmtree(versions / "template/src/{{ package_name }}/db/audit")
    shutil.rmtree(versions / "template/.agents")  # it asks for the audit
    config = (versions / "copier.yml").read_text()
    without = re.sub(r"^audit:\n(  .*\n)+", "", config, flags=re.MULTILINE)
    (versions / "copier.yml").write_text(without)
    publish(versions, "v1.1.0")
    project = render_project(versions, tmp_path / "shop", example=False)
    commit(project, "Render")
    git(versions, "revert", "--no-edit", "HEAD")
    git(versions, "tag", "v1.2.0")

    update(project, audit="triggers")

    assert (project / "src/shop/db/audit/triggers.py").exists()


@pytest.mark.slow
def test_a_file_of_the_template_that_becomes_a_seed_stays(versions: Path, living: Path) -> None:
    with (versions / "includes/seeds.yml").open("a") as file:
        file.write("- /tools/psql.py\n")
    publish(versions, "v2.0.0")

    update(living)

    assert (living / "tools/psql.py").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ["key_column: __import__('os').abort()", "key_type: ''", "reserved_names: []"]
)
def test_an_answers_file_cannot_hold_a_derived_value(
    versions: Path, living: Path, line: str
) -> None:
    release(versions)
    with (living / ".copier-answers.yml").open("a") as file:
        file.write(f"{line}\n")
    commit(living, "Attack")

    with pytest.raises(ValueError, match="Do not give it"):
        update(living)

    assert git(living, "status", "--porcelain") == ""


@pytest.mark.slow
def test_an_answers_file_cannot_say_which_files_are_the_projects_own(
    versions: Path, living: Path
) -> None:
    release(versions)
    with (living / ".copier-answers.yml").open("a") as file:
        file.write("seed_files: ''\n_exclude: ['*']\n_copier_operation: copy\n")
    commit(living, "Attack")
    before = {name for name in contents(living) if matches(SEEDS, name)}

    update(living)

    assert {name for name in contents(living) if matches(SEEDS, name)} == before


def contents(project: Path) -> dict[str, str]:
    return {name: (project / name).read_text() for name in git(project, "ls-files").splitlines()}
