"""A test runs each command that a document, a message or a justfile names."""

import ast
from functools import cache

import pytest

from tests.helpers import ROOT
from tests.named_commands import form, named_commands

# The form of a command, and the test or script that runs it.
RUN_BY = {
    "alembic current --check-heads": "test_an_existing_database_is_adopted",
    "alembic -x upgrade head": "test_the_image_brings_a_database_to_the_newest_revision",
    "alembic check": "test_a_change_is_written_and_deployed_as_the_documents_say",
    "alembic merge": "test_two_heads_are_merged",
    "alembic revision": "test_a_revision_by_hand_begins_empty_and_passes_every_check",
    "alembic revision --message": "test_a_revision_by_hand_begins_empty_and_passes_every_check",
    "alembic stamp --purge head": "test_an_existing_database_is_adopted",
    "alembic stamp head": "test_an_existing_database_is_adopted",
    "alembic downgrade": "test_several_heads_or_parents_are_explained_in_one_sentence",
    "alembic downgrade --sql": "test_the_script_of_each_operation_does_what_the_operation_does",
    "alembic upgrade +1": "test_a_revision_by_hand_begins_empty_and_passes_every_check",
    "alembic upgrade head": "test_psql_makes_of_the_script_what_the_upgrade_makes",
    "alembic upgrade --sql": "test_the_script_of_each_operation_does_what_the_operation_does",
    "alembic upgrade head --sql": "test_psql_makes_of_the_script_what_the_upgrade_makes",
    "copier copy --defaults --vcs-ref": "test_the_readmes_first_command_holds_in_a_clone",
    "copier copy --defaults --data --vcs-ref template shop": "test_the_first_steps_can_be_followed",
    "copier copy --quiet --defaults --data-file --data --vcs-ref": (
        "test_a_project_is_compared_with_a_new_one_of_the_same_version"
    ),
    "copier recopy": "test_a_recopy_renders_the_projects_own_files_again",
    "copier update": "test_the_messages_next_steps_can_be_followed",
    "copier update --conflict rej": (
        "test_what_cannot_be_merged_goes_into_other_files_if_copier_is_told_so"
    ),
    "copier update --skip-answered": "test_the_messages_next_steps_can_be_followed",
    "copier update --skip-answered --data": "test_the_messages_next_steps_can_be_followed",
    "dev just": "test_the_justfile_lists_each_recipe_with_what_it_does",
    "dev just bench": "test_every_contestant_of_every_measure_reports",
    "dev just bench --json --markdown": "test_every_contestant_of_every_measure_reports",
    "dev just bench --only --json": "test_every_contestant_of_every_measure_reports",
    "dev just bench --only tenants": "test_every_contestant_of_every_measure_reports",
    "dev just bench --only --rounds": "test_every_contestant_of_every_measure_reports",
    "dev just bench --only http --rounds": "test_every_contestant_of_every_measure_reports",
    "dev just check": "test_the_check_is_what_ci_runs",
    "dev just fix": "test_the_fix_changes_nothing_that_is_formatted",
    "dev just format": ".ci/run",
    "dev just lint": ".ci/run",
    "dev just lock": "test_the_lock_can_be_renewed",
    "dev just pictures": "test_the_pictures_are_those_of_the_project",
    "dev just port": "test_a_project_is_rendered_to_work_on_and_ported",
    "dev just proofs": "test_the_tiers_have_all_tests_between_them",
    "dev just proofs -k option": "test_the_tiers_have_all_tests_between_them",
    "dev just release": "test_a_version_is_released_by_the_command",
    "dev just render": "test_a_project_is_rendered_to_work_on_and_ported",
    "dev just render --data": "test_a_project_is_rendered_to_work_on_and_ported",
    "dev just site": "test_each_link_of_the_site_has_a_target",
    "dev just slow": ".ci/run",
    "dev just test": ".ci/fresh-machine",
    "dev just test -k update": "test_the_tiers_have_all_tests_between_them",
    "dev just types": ".ci/run",
    "git add": "test_the_messages_next_steps_can_be_followed",
    "git add --all": "test_the_messages_next_steps_can_be_followed",
    "git commit --message": "test_the_messages_next_steps_can_be_followed",
    "git add --renormalize": "test_a_file_with_windows_line_endings_is_merged_if_git_does_not_have_them",
    "git diff": "test_the_messages_next_steps_can_be_followed",
    "git diff template": "test_a_project_is_rendered_to_work_on_and_ported",
    "git grep -li shop": "test_a_package_is_renamed",
    "git init --initial-branch main": "test_the_messages_next_steps_can_be_followed",
    "git mv": "test_a_package_is_renamed",
    "git restore": "test_a_file_that_was_edited_stays_and_so_do_the_lines_that_need_it",
    "git restore --source": "test_it_fails_until_the_last_is_done",
    "git status": "test_the_messages_next_steps_can_be_followed",
    "just": "test_the_commands_are_listed_with_what_they_do",
    "just check": "test_the_default_project_passes_its_own_checks",
    "just conflicts": "test_bad_code_is_found",
    "just db": "test_the_development_database_is_started_stopped_and_kept",
    "just db down": "test_the_development_database_is_started_stopped_and_kept",
    "just demo": "test_the_demo_runs_where_there_is_nothing",
    "just fix": "test_the_example_is_removed_from_a_project_that_is_deployed",
    "just fix check": "test_the_example_is_removed_from_a_project_that_is_deployed",
    "just format": "test_the_default_project_passes_its_own_checks",
    "just history": "test_a_changed_model_becomes_a_revision_that_can_be_taken_back",
    "just import-posts": "test_an_import_that_breaks_off_goes_on_and_what_it_rejected_can_be_corrected",
    "just imports": "test_bad_code_is_found",
    "just lint": "test_bad_code_is_found",
    "just migrate": "test_a_change_is_written_and_deployed_as_the_documents_say",
    "just migrate expand": "test_a_change_is_written_and_deployed_as_the_documents_say",
    "just organisation": "test_programs_work_for_the_organisation_that_is_named",
    "just organisation -m": "test_programs_work_for_the_organisation_that_is_named",
    "just psql": "test_the_demo_uses_the_database_it_is_given_and_adds_to_it",
    "just remove-example": "test_the_example_is_removed_from_a_project_that_is_deployed",
    "just remove-example --dry-run": "test_the_example_is_removed_from_a_project_that_is_deployed",
    "just revision": "test_a_change_is_written_and_deployed_as_the_documents_say",
    "just revisions": "test_bad_code_is_found",
    "just rollback": "test_a_changed_model_becomes_a_revision_that_can_be_taken_back",
    "just seed": "test_seeding_twice_does_no_harm",
    "just serve": "test_the_service_is_served_where_there_is_nothing",
    "just shell": "test_the_shell_has_a_unit_of_work_and_keeps_nothing",
    "just test": "test_bad_code_is_found",
    "just test -n": "test_the_suite_runs_in_parallel_and_in_any_order",
    "just types": "test_bad_code_is_found",
    "just updated": "test_the_messages_next_steps_can_be_followed",
    "just updated --check": "test_the_check_says_how_far_behind_a_project_is_and_what_concerns_it",
    "just worker": "test_a_worker_that_is_told_to_stop_ends_well",
    "pgq --pg-dsn failed": "test_the_tables_are_those_of_the_library_and_not_of_the_models",
    "pgq --pg-dsn upgrade --plan": "test_the_tables_are_those_of_the_library_and_not_of_the_models",
    "pgq sql install": "test_the_recipe_fits_the_checks_of_the_project",
    "prek install": "test_a_mistake_that_nothing_can_correct_stops_a_commit",
    "psql --set": "test_psql_makes_of_the_script_what_the_upgrade_makes",
    "psql --set --file": "test_psql_makes_of_the_script_what_the_upgrade_makes",
    "python3 -m pip install --target uv": "test_the_readmes_first_command_holds_in_a_clone",
    "python -m": "test_the_worker_of_the_document_goes_on_and_no_job_is_lost_if_a_process_is_killed",
    "uv add": "test_a_dependency_goes_below_the_line",
    "uv run": "test_the_lock_file_is_made_once_and_used_from_then_on",
    "uv sync": "test_the_lock_file_is_made_once_and_used_from_then_on",
    "uv sync --group embedded": "test_the_embedded_postgresql_can_be_installed_by_itself",
    "uvx --with --noviews --options nojoined sed": (
        "test_an_existing_database_is_adopted_as_the_document_says"
    ),
}

# The commands that no test runs, and why.
NOT_RUN = {
    "git push --follow-tags": "it writes to another machine",
    "dev just mutate": "it runs the proofs of a module once for each mutant, which takes minutes",
    "dev just mutate --sample --seed": "it takes an hour or more",
}

# These tests run the text of a document or a message, word for word.
FOLLOWS = {
    "test_an_existing_database_is_adopted_as_the_document_says",
    "test_the_example_is_removed_from_a_project_that_is_deployed",
    "test_the_first_steps_can_be_followed",
    "test_the_messages_next_steps_can_be_followed",
    "test_the_readmes_first_command_holds_in_a_clone",
    "test_the_recipe_fits_the_checks_of_the_project",
    ".ci/run",
    ".ci/fresh-machine",
}


@cache
def modules() -> dict[str, str]:
    """Return the text of the module that has a test with this name."""
    return {
        node.name: text
        for path in (ROOT / "tests").rglob("test_*.py")
        for text in [path.read_text()]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_table_has_exactly_the_commands_that_are_named() -> None:
    named = named_commands()
    known = RUN_BY.keys() | NOT_RUN.keys()

    assert not {name: places for name, places in named.items() if name not in known}
    assert sorted(known - named.keys()) == []


@pytest.mark.parametrize("command", sorted(RUN_BY))
def test_the_test_of_a_command_exists_and_contains_its_words(command: str) -> None:
    runner = RUN_BY[command]
    if runner.startswith("."):
        text = (ROOT / runner).read_text()
    else:
        assert runner in modules(), runner
        text = modules()[runner]

    if runner not in FOLLOWS:
        for word in command.removeprefix("dev ").split():
            assert word in text, f"{word!r} is not in the module of {runner}"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('uv run just revision "no bio" users.bio', "just revision"),
        ("uv run --directory ../shop just demo", "just demo"),
        ("uvx copier update --skip-answered", "copier update --skip-answered"),
        ("DATABASE_URL=… uv run alembic stamp head", "alembic stamp head"),
        ("uv run alembic upgrade head --sql > script.sql", "alembic upgrade head --sql"),
        ("dev just bench --rounds 15", "dev just bench --rounds"),
    ],
)
def test_a_form_has_no_arguments(command: str, expected: str) -> None:
    assert form(command) == expected
