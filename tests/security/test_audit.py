import json

import pytest

from tests.security.audit import verdict

FINE = {"name": "a", "version": "1", "vulns": []}
WEAK = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
SKIPPED = {"name": "c", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "said", "wanted", "words"),
    [
        ([FINE, SKIPPED], "", 0, "1 of 2 packages audited; no known"),
        ([FINE, WEAK], "Found 1 known vulnerability", 1, "b 2: PYSEC-1"),
        ([SKIPPED, SKIPPED], "No known vulnerabilities found", 0, "Nothing was audited"),
        (None, "requests.exceptions.ConnectionError: Max retries", 0, "Nothing was audited"),
        (None, "error: unrecognised arguments", 1, "pip-audit failed"),
    ],
)
def test_only_a_find_or_a_fault_fails(packages, said, wanted, words):
    answer = "" if packages is None else json.dumps({"dependencies": packages})
    code, sentence = verdict(wanted, answer, said)
    assert code == wanted
    assert words in sentence
