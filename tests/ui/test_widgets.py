import pytest

from ui.language import speaking
from ui.widgets import duration


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (0.2, "1 s", "1 s"),
        (89, "89 s", "89 s"),
        (600, "10 min", "10 min"),
        (7300, "2 h 2 min", "2\u00a0h 2\u00a0min"),
        (93784, "26 h 3 min", "26\u00a0h 3\u00a0min"),
    ],
)
def test_a_time_is_written_in_the_reader_s_language(seconds, english, french):
    assert duration(seconds) == english
    with speaking("fr"):
        assert duration(seconds) == french
