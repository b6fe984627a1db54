import json

import pytest

from core.cli import main
from tests.shipped import READABLE, REFUSED, names


@pytest.fixture
def ask(weights, capsys):
    def ask(file):
        code = main(["predict", "--model", "cnn", "--format", "jsonl", str(file)])
        captured = capsys.readouterr()
        return code, [json.loads(line) for line in captured.out.splitlines()], captured.err

    return ask


@pytest.mark.parametrize(
    ("file", "expected"), READABLE.items(), ids=names(READABLE)
)  # fmt: skip
def test_files_of_others_are_opened(ask, file, expected):
    count, note = expected
    code, records, err = ask(file)
    assert code == 0
    assert [record["slice"] for record in records] == list(range(count))
    for record in records:
        assert sum(record["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
        if note is not None:
            assert any(warning.startswith(note) for warning in record["warnings"])
    assert "Traceback" not in err


@pytest.mark.parametrize(("file", "sentence"), REFUSED.items(), ids=names(REFUSED))
def test_files_that_can_not_be_used_give_one_sentence(ask, file, sentence):
    code, (record,), err = ask(file)
    assert code == 1
    assert list(record) == ["file", "error"]
    assert sentence in record["error"]
    assert "Traceback" not in err
