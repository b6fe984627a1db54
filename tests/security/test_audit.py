import pytest

from tests.security.audit import verdict


@pytest.mark.parametrize(
    ("code", "said", "wanted", "words"),
    [
        (0, "No known vulnerabilities found", 0, "No known vulnerability"),
        (1, "Found 1 known vulnerability in 1 package\nx 1.0 PYSEC-1", 1, "PYSEC-1"),
        (1, "requests.exceptions.ConnectionError: Max retries exceeded", 0, "Nothing was audited"),
        (1, "error: unrecognised arguments", 1, "pip-audit failed"),
    ],
)
def test_only_a_find_or_a_fault_fails(code, said, wanted, words):
    assert verdict(code, said)[0] == wanted
    assert words in verdict(code, said)[1]
