import pytest

from core.evaluation.faithfulness import Curve, Faithfulness, MapScore
from ui.faithful import sentence


def score(road, after=0.5):
    """A score whose ROAD is as given: half the distance between two flat curves."""
    flat = Curve((0.0, 1.0), (0.5, 0.5))
    most = Curve((0.0, 0.3, 0.9), (0.9, after, after))
    least = Curve((0.0, 0.3, 0.9), tuple(v + 2 * road for v in most.values))
    return MapScore(flat, flat, most, least)


@pytest.mark.parametrize(
    ("own", "edges", "verdict"),
    [
        (0.2, 0.1, "beats chance and an edge detector, so it shows what the model uses"),
        (0.2, 0.18, "an edge detector, which knows nothing of the model, does as well"),
        (0.02, 0.0, "no better than chance, so it is not the reason for the answer"),
    ],
)
def test_the_sentence_follows_the_verdict(own, edges, verdict):
    found = Faithfulness(score(own, 0.2), score(0.0, 0.8), score(edges))
    said = sentence(found, "Glioma")
    assert verdict in said
    assert "warmest 30 % of the head moves the probability of Glioma from 90 % to 20 %" in said
    assert "a random 30 % to 80 %" in said
    assert said.count(".") == 1
