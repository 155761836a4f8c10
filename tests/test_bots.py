"""A bot updates the project's own lines. `copier update` updates the template's lines."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.helpers import Render, commit, publish, render_project, snapshot, update
from tests.ownership import SEEDS, files, matches

HOOKS_AND_BOTS = [".github/dependabot.yml", ".pre-commit-config.yaml", "renovate.json5"]


def rules(project: Path) -> list[dict[str, object]]:
    """Return the rules of renovate.json5. Without comments, YAML can read it."""
    text = re.sub(r"(^|\s)//.*", "", (project / "renovate.json5").read_text())
    config = yaml.safe_load(text)
    assert config["lockFileMaintenance"] == {"enabled": True}
    assert config["extends"] == ["config:recommended"]
    found: list[dict[str, object]] = config["packageRules"]
    return found


@pytest.fixture
def every_file(project: Path, render: Render, tmp_path: Path) -> str:
    """The texts of the files in which the template names versions of actions and images."""
    gitlab = render(tmp_path / "gitlab", ci="gitlab")
    files = [project / name for name in (".github/workflows/ci.yml", "compose.yaml", "Dockerfile")]
    return "".join(path.read_text() for path in [*files, gitlab / ".gitlab-ci.yml"])


@pytest.mark.slow
def test_renovate_leaves_the_templates_actions_and_images_alone(
    every_file: str, project: Path
) -> None:
    named = re.findall(
        r"uses: ([\w/-]+)@|image: ([\w/-]+):|FROM (\w+):|name: ([\w/-]+):", every_file
    )
    [off] = [rule for rule in rules(project) if rule.get("enabled") is False]

    assert off["matchPackageNames"] == sorted({"".join(names) for names in named})
    assert off["matchManagers"] == ["docker-compose", "dockerfile", "github-actions", "gitlabci"]


def test_renovate_may_update_the_template(project: Path) -> None:
    # Renovate's manager `copier` is on by default, and reads the answers file.
    for rule in rules(project):
        assert "matchManagers" in rule
        assert "copier" not in str(rule)


@pytest.mark.slow
def test_dependabot_leaves_the_templates_actions_alone(render: Render, tmp_path: Path) -> None:
    project = render(tmp_path / "shop", bot="dependabot")
    workflow = (project / ".github/workflows/ci.yml").read_text()
    config = yaml.safe_load((project / ".github/dependabot.yml").read_text())

    lock, actions = config["updates"]
    assert (lock["package-ecosystem"], lock["versioning-strategy"]) == ("uv", "lockfile-only")
    assert [each["dependency-name"] for each in actions["ignore"]] == sorted(
        {*re.findall(r"uses: ([\w/-]+)@", workflow)}
    )


@pytest.mark.slow
def test_an_update_adds_hooks_and_a_bot_only_if_somebody_chooses_them(tmp_path: Path) -> None:
    template = snapshot(tmp_path / "template")
    for name in ("src", "tests", "tools", "scripts", "migrations"):  # this test does not need them
        shutil.rmtree(template / "template" / name)
    config = (template / "copier.yml").read_text()
    older = re.sub(
        r"^(hooks|bot):\n(  .*\n)+", r"\1: {default: '', when: false}\n", config, flags=re.M
    )
    (template / "copier.yml").write_text(older)
    for name in HOOKS_AND_BOTS:
        (template / "template" / name).rename(tmp_path / Path(name).name)
    publish(template, "v1.0.0")
    project = render_project(template, tmp_path / "shop")
    commit(project, "Render")
    (template / "copier.yml").write_text(config)
    for name in HOOKS_AND_BOTS:
        (tmp_path / Path(name).name).rename(template / "template" / name)
    publish(template, "v2.0.0")

    update(project)
    assert switched_on(project) == []
    assert yaml.safe_load((project / ".copier-answers.yml").read_text())["bot"] == "none"

    before = seeds(project)
    update(project, hooks=True, bot="dependabot")
    assert switched_on(project) == [".github/dependabot.yml", ".pre-commit-config.yaml"]
    update(project, bot="renovate")
    assert switched_on(project) == [".pre-commit-config.yaml", "renovate.json5"]
    update(project, hooks=False, bot="none")
    assert switched_on(project) == []
    assert seeds(project) == before


def switched_on(project: Path) -> list[str]:
    """Return the files of hooks and bots that a project has."""
    return [name for name in HOOKS_AND_BOTS if (project / name).exists()]


def seeds(project: Path) -> dict[str, str]:
    """Return the texts of the project's own files."""
    return {name: (project / name).read_text() for name in files(project) if matches(SEEDS, name)}
