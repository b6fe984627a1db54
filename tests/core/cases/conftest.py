import pytest

from core.cases import CaseLog


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new" / "cases.db"


@pytest.fixture
def log(file):
    with CaseLog(f"sqlite:///{file}") as opened:
        yield opened
