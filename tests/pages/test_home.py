import subprocess
import sys
from pathlib import Path

from core import DISCLAIMER

ROOT = Path(__file__).resolve().parents[2]


def test_empty_state_tells_the_commands(open_page, texts):
    at = open_page()
    assert "python -m core train" in texts(at)
    assert "no card.json" in texts(at)
    assert DISCLAIMER in texts(at)


def test_a_ready_model_shows_its_figures(open_page, predictor, texts):
    at = open_page()
    names = [m.label for m in at.metric]
    assert names == ["Accuracy", "Macro F1", "External AUROC", "Same patients"]
    assert "95 % interval" in texts(at)
    assert predictor.asked == 0


def test_a_model_without_report_shows_no_figure(open_page, publish, texts):
    publish(with_report=False)
    at = open_page()
    assert not at.metric
    assert "without a report" in texts(at)


def test_a_broken_report_is_one_sentence(open_page, publish):
    (publish() / "report.json").write_text("{")
    at = open_page()
    assert "A report is a JSON file" in at.error[0].value


def test_first_paint_loads_no_tensorflow():
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "at = AppTest.from_file('streamlit_app.py', default_timeout=60).run()\n"
        "assert not at.exception\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_one_bad_report_leaves_the_other_models_their_cards(open_page, publish, texts):
    for name in ("cnn", "vgg16"):
        publish(name)
    (publish("cnn") / "report.json").write_text("{")
    at = open_page()
    assert len(at.error) == 1
    assert "A report is a JSON file" in at.error[0].value
    assert "#### VGG16" in texts(at)
    assert [m.label for m in at.metric] == [
        "Accuracy",
        "Macro F1",
        "External AUROC",
        "Same patients",
    ]
    assert "It ships without weights" in texts(at)
    assert "without a report" not in texts(at)
