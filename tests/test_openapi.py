"""The service does what its OpenAPI document says. Schemathesis sends the requests, with all its checks on.

It reads the document. For each operation it sends valid and invalid requests with the limits of each value.
A run with all proofs also sends random values and sequences of requests, for each kind of primary key, with
and without a token.
"""

import json
import re
import urllib.parse
import urllib.request
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers import QUESTIONS, Record, Render, run
from tests.proofs.support.sampling import FULL, sampled
from tests.service import serving

pytestmark = [pytest.mark.slow, pytest.mark.proof]

KINDS = list(QUESTIONS["primary_key"]["choices"].values())
SCHEMATHESIS = ["uvx", "--quiet", "schemathesis@4.32.5", "run"]

# JSON Schema cannot describe all rules for these inputs. So a request that matches the schema may get 422.
RULES = {
    "GET /posts": "a cursor and a sort order have a grammar",
    "GET /users": "a cursor and a sort order have a grammar",
    "POST /transfers": "a transfer needs credits, and another user",
    "POST /files/posts": "a file is CSV in UTF-8 with certain columns",
    "POST /tokens": "PostgreSQL cannot store the character U+0000 of an e-mail address",
}
ACCEPTED = ["2xx", "401", "404", "409"]
SETTINGS = f"""
color = false
continue-on-failure = true
request-timeout = 60
suppress-health-check = ["all"]
warnings = false

[generation]
database = "none"
max-examples = 30 # random requests and sequences for each operation

[phases]
examples.enabled = false
fuzzing.enabled = {str(FULL).lower()}
stateful.enabled = {str(FULL).lower()}
# Schemathesis also sends the username of a user as the key.
stateful.checks.positive_data_acceptance.enabled = false

[checks]
positive_data_acceptance.expected-statuses = {ACCEPTED}
# Starlette has one route for each method. The header of a 405 has the methods of the first route only.
allow_header_conformance.enabled = false

[[operations]]
include-name = "GET /posts/search"
# A search has at most 16 words.
checks.positive_data_acceptance.expected-statuses = {[*ACCEPTED, "422"]}
# PATCH and DELETE of /posts/{{post}} match this path too. They answer that there is no such post.
checks.unsupported_method.enabled = false
"""
RULE = f"""
[[operations]] # {{reason}}
{{operations}}
checks.positive_data_acceptance.expected-statuses = {[*ACCEPTED, "422"]}
"""


class Service(NamedTuple):
    """The example's service, and the kind of its primary keys."""

    url: str
    key: str

    def ask(self, directory: Path, *options: str) -> int:
        """Let schemathesis send its requests. Return their number."""
        rules = {f'include-name = "{name}"': reason for name, reason in RULES.items()}
        if self.key == "bigint":
            rules['include-path-regex = "[{](post|user)[}]"'] = (
                "the database limits a key to eight bytes"
            )
        text = [RULE.format(operations=key, reason=why) for key, why in rules.items()]
        (directory / "schemathesis.toml").write_text("".join([SETTINGS, *text]))
        output = run([*SCHEMATHESIS, f"{self.url}/openapi.json", *options], directory)
        [cases] = re.findall(r"([\d,]+) generated", output) or pytest.fail(output)
        return int(cases.replace(",", ""))


def log_in(url: str, username: str) -> list[str]:
    """Register a user. Return the options that send requests as this user."""
    account = {"username": username, "password": "correct horse battery"}
    given = json.dumps(account | {"email": f"{username}@example.com"}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/users", given, headers)).close()
    form = urllib.parse.urlencode(account | {"username": f"{username}@example.com"}).encode()
    with urllib.request.urlopen(f"{url}/tokens", form) as answer:
        token = json.load(answer)["access_token"]
    return ["--header", f"Authorization: Bearer {token}"]


def test_the_document_is_true_with_and_without_a_token(
    render: Render, tmp_path: Path, record_property: Record
) -> None:
    delete = "DELETE /users/me"  # after this request, each response is 401
    for key, client in sampled([*product(KINDS, ["anonymous", "user"])]):
        shop = render(tmp_path / f"{key}-{client}", primary_key=key)
        with serving(shop) as url:
            service = Service(url, key)
            if client == "anonymous":
                cases = service.ask(tmp_path)
            else:
                cases = service.ask(tmp_path, *log_in(url, "ada"), "--exclude-name", delete)
                cases += service.ask(tmp_path, *log_in(url, "bob"), "--include-name", delete)
        record_property(f"requests of schemathesis, {key}, {client}", cases)
