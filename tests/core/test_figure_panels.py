from core import figures
from core.labels import KNOWN

P = {"glioma": 0.15, "meningioma": 0.7, "notumor": 0.1496, "pituitary": 0.0004}
ORDER = ("glioma", "meningioma", "notumor", "pituitary")


def texts(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def test_names_and_shares_stand_above_their_bars_in_the_given_order():
    figure = figures.compact_bars(P, ORDER)
    bars = figure.data[1]
    assert list(bars.x) == [P[key] for key in ORDER]
    assert list(bars.y) == [0, 1, 2, 3]
    assert list(bars.marker.color) == [KNOWN[key].colour for key in ORDER]
    assert texts(figure)[:4] == ["Glioma", "15.0 %", "<b>Meningioma</b>", "<b>70.0 %</b>"]
    assert texts(figure)[-1] == "under 0.1 %"
    # The first class stands on top.
    low, high = figure.layout.yaxis.range
    assert low > high


def test_greyed_bars_have_no_class_s_colour_and_no_bold_name():
    figure = figures.compact_bars(P, ORDER, greyed=True)
    assert not set(figure.data[1].marker.color) & {KNOWN[key].colour for key in ORDER}
    assert "Meningioma" in texts(figure)
    assert "70.0 %" in texts(figure)


def test_every_panel_has_the_same_scale_and_the_threshold_on_its_bars():
    figure = figures.compact_bars({"glioma": 1.0}, ("glioma",), 0.65)
    assert tuple(figure.layout.xaxis.range) == (0, 1)
    (mark,) = figure.layout.shapes
    assert (mark.x0, mark.x1) == (0.65, 0.65)
    # It stays off the names above the bars.
    assert mark.y0 > figure.layout.annotations[0].y
    assert not figures.compact_bars(P, ORDER).layout.shapes


def test_classes_that_a_model_lacks_are_left_out_and_markup_is_escaped():
    figure = figures.compact_bars({"<b>odd": 1.0}, ("glioma", "<b>odd"))
    assert len(figure.data[1].x) == 1
    assert all("<b>odd" not in text.lower() for text in texts(figure))
