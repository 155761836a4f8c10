"""If Copier renders a setting without answers, the setting must not use an answer."""

from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from tests.helpers import CONFIG

# The settings that Copier renders with all answers, and why. It renders the others without answers:
# before it asks, or for an older version of the template, which has other questions.
ANSWERED = {
    "_external_data": "read if a question's expression needs it; has only _copier_conf",
    "_message_after_copy": "printed when everything is rendered",
    "_message_after_update": "printed when everything is rendered",
}


def strings(value: Any) -> list[str]:
    """Yield the texts in a setting."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in strings(each)]
        case list():
            return [text for each in value for text in strings(each)]
    return []


EXPRESSIONS = [
    text
    for name, value in CONFIG.items()
    if name.startswith("_") and name not in ANSWERED
    for text in strings(value)
]


@pytest.mark.parametrize("operation", ["copy", "update"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_setting_renders_without_answers(expression: str, operation: str) -> None:
    options = CONFIG["_envops"] | {"undefined": StrictUndefined}
    environment = SandboxedEnvironment(
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"], **options
    )

    rendered = environment.from_string(expression).render(_copier_operation=operation)

    assert "{" not in rendered
    assert rendered.strip() not in {"/", "*"}  # an empty pattern would exclude everything


def test_skip_if_exists_is_not_used() -> None:
    # An update renders this setting before it has the answers, and keeps the result until its end.
    assert "_skip_if_exists" not in CONFIG
