from tests.pages.conftest import FakePredictor

COMPARE, PERFORMANCE = "pages/2_Compare_models.py", "pages/5_Performance.py"


def test_performance_leaves_the_choices_of_compare_alone(open_page, pair, monkeypatch):
    monkeypatch.setattr("core.inference.get_predictor", lambda name, *_: FakePredictor(name))
    at = open_page(COMPARE, sample="phantom-1")
    at.pills(key="compare_class").set_value("notumor").run()
    at.slider(key="compare_threshold").set_value(40).run()
    at.switch_page(PERFORMANCE).run()
    assert not at.exception
    at.segmented_control(key="performance_class").set_value("meningioma").run()
    at.slider(key="performance_threshold").set_value(0.5).run()
    at.switch_page(COMPARE).run()
    assert not at.exception
    assert at.pills(key="compare_class").value == "notumor"
    assert at.slider(key="compare_threshold").value == 40
