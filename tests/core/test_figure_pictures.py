from base64 import b64decode

import cv2
import numpy as np

from core import figures
from core.evaluation.faithfulness import Curve, Faithfulness, MapScore


def score(high):
    down = Curve((0.0, 0.5, 1.0), (0.9, 0.9 - high, 0.1))
    up = Curve((0.0, 0.5, 1.0), (0.1, high, 0.9))
    return MapScore(down, up, down, up)


def test_a_zoomable_picture_holds_every_pixel():
    picture = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)
    figure = figures.zoomable(picture)
    kind, data = figure.data[0].source.split(",")
    assert kind == "data:image/png;base64"
    shown = cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown[..., ::-1], picture)
    other = figures.zoomable(picture[::-1].copy())
    assert figure.layout.uirevision == other.layout.uirevision
    assert figure.layout.dragmode == "pan"


def test_every_curve_stands_beside_its_baselines():
    found = Faithfulness(score(0.8), score(0.4), score(0.5))
    figure = figures.faithfulness_curves(found)
    assert len(figure.data) == 12
    assert [t.name for t in figure.data if t.showlegend] == [
        "Random order",
        "Edge detector",
        "This map",
    ]
    own = [t for t in figure.data if t.name == "This map"]
    assert [t.y[1] for t in own] == [
        found.map.deletion.at(0.5),
        0.8,
        found.map.road_most.at(0.5),
        0.8,
    ]
    assert {(t.line.color, t.line.dash) for t in figure.data} == {
        (t.line.color, t.line.dash) for t in figure.data[:3]
    }
