import json
from pathlib import Path

from benchmarks.performance_page import BLOCKS, PAGE, RESULTS, cluster, growth, plan, render
from benchmarks.speed_tables import outdated

ROOT = Path(__file__).resolve().parents[1]
RUN = {"wall_seconds": 20.0, "processor_seconds": 10.0, "exit_code": 0}
SAME = {"records": 1000, "equal_after_sorting": True, "missing": 0, "twice": 0}
MEASURED = {
    "slices": 1000, "model": "cnn", "cores": 2, "workers": 2, "shards": 4,
    "bytes_per_record": 80.0, "slices_per_processor_second_serial": 100.0,
    "runs": {
        "serial": RUN, "cluster": RUN | SAME, "cluster_one_killed": RUN | SAME | {"missing": 3},
        "all_finished": RUN | SAME | {"equal_after_sorting": False},
    },
    "overhead": {"cluster": {"wall": 1.5, "processor": 1.25}},
}  # fmt: skip


def test_the_page_shows_the_figures_that_were_measured():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert render(text, ROOT / RESULTS) == text
    assert all(text.count(f"<!-- {name} -->") == 1 for name in BLOCKS)


def test_figures_of_other_weights_say_so(tmp_path):
    card = json.loads((ROOT / "weights" / "cnn" / "card.json").read_text(encoding="utf-8"))
    (tmp_path / "cnn").mkdir()
    (tmp_path / "cnn" / "card.json").write_text(json.dumps(card))
    row = {"sha256": card["sha256"], "created": "2026-01-02T03:04:05"}
    assert outdated({"models": {"cnn": row}}, tmp_path) == ""
    before = {"sha256": "0123456789abcdef", "created": "2026-01-02T03:04:05"}
    said = outdated({"models": {"cnn": before, "vgg16": row}}, tmp_path)
    assert "since: cnn (2026-01-02, weights 0123456789ab), vgg16 (2026-01-02, weights" in said


def test_a_block_without_figures_stays_as_it_is(tmp_path):
    assert render("<!-- plan -->\nold\n<!-- /plan -->", tmp_path) == (
        "<!-- plan -->\nold\n<!-- /plan -->"
    )


def test_the_plan_follows_from_the_rate():
    text = plan(MEASURED)
    # 1e7 slices / 100 per second x 1.25 / 3600 s
    assert "| 35 core-hours |" in text
    assert "| 0.2 h |" in text
    assert "| 39,063 |" in text
    assert "| 0.8 GB |" in text


def test_a_difference_is_not_hidden():
    lines = cluster(MEASURED).splitlines()
    assert "| one process | 20.0 | 10.0 | 1,000 | | | the measure |" in lines
    assert "| 2 workers, one killed half way | 20.0 | 10.0 | 1,000 | 3 | 0 | yes |" in lines
    assert "| once more, all shards finished | 20.0 | 10.0 | 1,000 | 0 | 0 | NO |" in lines


def test_growth_names_every_size():
    figure = {"wall_seconds": 2.0, "processor_seconds": 1.0}
    sizes = [
        {
            "images": n, "audit": figure, "split": figure, "near_pairs": 7, "load_before": 0.5,
            "of_which": {"twin_search": figure},
        }
        for n in (1000, 5000)
    ]  # fmt: skip
    power = {"from": 1000, "to": 5000, "audit": 1.0, "split": 1.1, "twin_search": 1.5}
    text = growth({"sizes": sizes, "grows_as_power": [power]})
    assert "| 5,000 | 2.0 (1.0) | 2.0 (1.0) | 2.0 (1.0) | 7 | 0.5 |" in text
    assert "power of 1.0 (audit), 1.1 (split) and 1.5 (twin search alone)." in text
