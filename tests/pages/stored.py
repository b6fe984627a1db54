"""What lies on disk for a page: weights that no fake predictor ever reads, and a case log."""

from hashlib import sha256

import numpy as np
import pytest
from safetensors.numpy import save

from core.cases import CaseLog
from core.settings import get_settings

WEIGHTS, OTHERS = (save({"nothing": np.full(1, value, np.float16)}) for value in (0, 1))
DIGEST, OTHER_DIGEST = (sha256(data).hexdigest() for data in (WEIGHTS, OTHERS))


@pytest.fixture
def log(folders, monkeypatch):
    """A case log in a fresh SQLite file, switched on."""
    url = f"sqlite:///{folders / 'cases.db'}"
    monkeypatch.setenv("GLIALENS_CASE_LOG", "true")
    monkeypatch.setenv("GLIALENS_DATABASE_URL", url)
    get_settings.cache_clear()
    with CaseLog(url) as log:
        yield log
