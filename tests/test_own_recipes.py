"""The recipes of this repository, and the README's first command, in a clone."""

import os
import re
import shutil
from pathlib import Path

import pytest

from maintenance.pictures import first_minute
from tests.helpers import NO_DOCKER, ROOT, attempt, git, run


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this repository, with its uncommitted changes."""
    run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "clone")], tmp_path)
    clone = tmp_path / "clone"
    for name in run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], ROOT
    ).splitlines():
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
        else:
            (clone / name).unlink(missing_ok=True)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Add uncommitted changes")
    return clone


@pytest.mark.slow
def test_the_readmes_first_command_holds_in_a_clone(clone: Path) -> None:
    [command] = re.findall(
        r"^python3 .* just demo$", (ROOT / "README.md").read_text(), re.MULTILINE
    )

    # Use the machine's own Python, because those that uv makes for the tests have no pip.
    directories = os.environ["PATH"].split(os.pathsep)
    path = [
        each
        for each in directories
        if not os.access(f"{each}/python3", os.X_OK)
        or attempt([f"{each}/python3", "-m", "pip", "--version"], clone).returncode == 0
    ]
    output = run(["sh", "-e", "-c", command], clone, PATH=os.pathsep.join(path), **NO_DOCKER)

    assert "The code is in services/, repositories/ and models/." in output
    assert first_minute.stable(output) == (ROOT / "docs/pictures/first-minute.txt").read_text()
    answers = (clone.parent / "shop/.copier-answers.yml").read_text()
    assert f"_src_path: {clone}\n" in answers  # otherwise an update would not find it
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.slow
def test_the_tiers_have_all_tests_between_them() -> None:
    def collected(*recipe: str) -> set[str]:
        output = attempt(["just", *recipe, "--collect-only", "-q"], ROOT).stdout
        return set(re.findall(r"^tests/\S+::.*$", output, re.MULTILINE))

    everything = set(
        re.findall(r"^tests/\S+::.*$", run(["pytest", "--collect-only", "-q"], ROOT), re.MULTILINE)
    )
    fast, slow = collected("test"), collected("slow")
    assert fast | slow == everything
    assert not fast & slow
    proofs = collected("proofs")
    assert {name.partition(".py")[0] for name in proofs} == {
        "tests/test_openapi",
        "tests/test_proofs",
        "tests/test_questions",
        "tests/test_release_checks",
        "tests/test_release_options",
        "tests/test_release_updates",
    }
    assert collected("proofs", "-k", "option") < proofs
    assert collected("test", "-k", "update") < fast


def test_the_check_is_what_ci_runs() -> None:
    steps = re.findall(r"^check: (.*)$", (ROOT / "justfile").read_text(), re.MULTILINE)

    assert steps == ["format lint types test"]
    assert '"$test" "${test%test}format lint types slow"' in (ROOT / ".ci/run").read_text()


def test_the_fix_changes_nothing_that_is_formatted(clone: Path) -> None:
    run(["just", "fix"], clone)

    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.slow
def test_a_project_is_rendered_to_work_on_and_ported(clone: Path) -> None:
    project = Path(run(["just", "render", "--data", "package_name=store"], clone).split()[-1])

    assert (project / "src/store/db").is_dir()
    assert f"_src_path: {clone}\n" in (project / ".copier-answers.yml").read_text()
    with (project / "tests/conftest.py").open("a") as file:
        file.write("# of store\n")
    assert "\n+# of store\n" in git(project, "diff", "template")

    output = run(["just", "port", str(project)], clone)

    assert "The template renders the project as it is now." in output
    source = clone / "template/tests/conftest.py.jinja"
    assert source.read_text().endswith("# of {{ package_name }}\n")
    shutil.rmtree(project.parent)


@pytest.mark.slow
def test_the_lock_can_be_renewed(clone: Path) -> None:
    lock = clone / "requirements.lock"
    lock.unlink()

    run(["just", "lock"], clone)

    assert re.search(r"^copier==", lock.read_text(), re.MULTILINE)
    assert "://" not in lock.read_text()
