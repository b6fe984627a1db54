"""The presenter's path of the README: what it says is what is done here, control by control."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from core import DISCLAIMER
from core.models.registry import statuses

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## Five-minute demo\n(.*?)^## ", re.M | re.S)
STEP = re.compile(r"^\d+\. \*\*(.+?)\.\*\*(.*?)(?=^\d+\. |^$)", re.M | re.S)
CONTROL = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")
STEPS = {}


def readme_steps():
    """Title of each numbered step, with the names in italics: what is looked at or used."""
    section = SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert section, "README.md has a section 'Five-minute demo', and another one after it"
    return {
        title: [" ".join(name.split()) for name in CONTROL.findall(text)]
        for title, text in STEP.findall(section[1])
    }


def step(title):
    def keep(function):
        STEPS[title] = function
        return function

    return keep


class Presenter:
    """One tab of the browser, and the names of what was used in it."""

    def __init__(self, page, tools):
        self.page, self.tools, self.used = page, tools, []

    def at(self, role, name):
        self.used.append(name)
        return self.page.get_by_role(role, name=name, exact=True)

    def text(self, name):
        self.used.append(name)
        # Not exact: a badge's text begins with the name of its icon.
        return self.page.get_by_test_id("stMain").get_by_text(name).first

    def go(self, name):
        self.used.append(name)
        self.page.get_by_test_id("stSidebar").get_by_text(name, exact=True).click()
        self.page.wait_for_url(f"**/{name.replace(' ', '_')}*")
        self.page.get_by_role("heading", level=1, name=name, exact=True).wait_for()
        self.tools.settle(self.page)

    def slide(self, name, key, times=1):
        self.used.append(name)
        slider = self.page.get_by_role("slider", name=name)
        for _ in range(times):
            slider.press(key)

    def picture(self, alt):
        return self.page.locator(f'img[alt^="{alt}"]')

    def redrawn(self, alt, before):
        self.page.wait_for_function(
            '([alt, before]) => {const image = document.querySelector(`img[alt^="${alt}"]`);'
            " return image && image.getAttribute('src') !== before}",
            arg=[alt, before],
        )


def ready():
    return [status.name for status in statuses() if status.ready]


@step("Say what it is")
def say_what_it_is(demo):
    demo.text("What it is not").wait_for()
    report = json.loads((ROOT / "weights" / ready()[0] / "report.json").read_text())
    demo.used.append("Accuracy")
    metric = demo.page.get_by_test_id("stMetric").filter(has_text="Accuracy").first
    shown = metric.get_by_test_id("stMetricValue").inner_text()
    assert shown.split() == [f"{100 * report['accuracy']['value']:.1f}", "%"]


@step("Diagnose a sample")
def diagnose_a_sample(demo):
    demo.at("button", "Try a sample").click()
    demo.page.wait_for_url("**/Diagnose?*sample=phantom-1*")
    demo.page.get_by_text("accepted from").wait_for()
    demo.text("Synthetic image").wait_for()
    assert demo.page.get_by_text("What a model says of it means nothing").count() == 1


@step("Show where the model looked")
def show_where_it_looked(demo):
    demo.at("heading", "Where the model looked").scroll_into_view_if_needed()
    heat = "Heat map over the slice"
    before = demo.picture(heat).get_attribute("src")
    demo.slide("Opacity", "End")
    demo.redrawn(heat, before)
    demo.at("radio", "Before / after").click()
    line = demo.page.get_by_role("slider", name="Original left of the line, overlay right of it")
    line.wait_for()
    before = demo.picture(heat).get_attribute("src")
    line.press("Home")
    demo.redrawn(heat, before)


@step("Take the report along")
def take_the_report_along(demo):
    with demo.page.expect_download() as report:
        demo.at("button", "Report (PDF)").click()
    assert report.value.path().read_bytes().startswith(b"%PDF-")


@step("Let the models disagree")
def let_the_models_disagree(demo):
    demo.go("Compare models")
    assert "sample=phantom-1" in demo.page.url
    demo.at("heading", "In figures").wait_for()
    demo.tools.settle(demo.page)
    count = len(ready())
    # With several models their mean stands beside them.
    assert demo.picture("Heat map of").count() == count + (count > 1)
    badge = re.compile(r"^One model alone$|models say: |^The models disagree$")
    assert demo.page.get_by_text(badge).count() == 1


@step("Hide a region")
def hide_a_region(demo):
    demo.go("Playground")
    seen = "The slice, disturbed as the sliders say"
    demo.picture(seen).wait_for()
    before = demo.picture(seen).get_attribute("src")
    demo.slide("Grey square", "ArrowRight", 9)
    demo.page.get_by_text("This scan is disturbed on purpose").wait_for()
    demo.redrawn(seen, before)
    demo.tools.settle(demo.page)
    demo.slide("Square: from the left", "ArrowRight", 18)
    demo.slide("Square: from the top", "ArrowLeft", 15)
    demo.page.wait_for_url("**hide=18**")
    demo.page.wait_for_url("**hide_x=68**")
    demo.page.wait_for_url("**hide_y=35**")
    demo.tools.settle(demo.page)
    demo.at("button", "Reset").click()
    demo.page.get_by_text("This scan is disturbed on purpose").wait_for(state="hidden")


@step("Assess a batch")
def assess_a_batch(demo):
    demo.go("Batch")
    demo.at("button", "Try the samples").click()
    demo.page.wait_for_selector('[data-testid="stDataFrame"]')
    demo.tools.settle(demo.page)
    with demo.page.expect_download() as table:
        demo.at("button", "CSV").click()
    rows = list(csv.DictReader(io.StringIO(table.value.path().read_text("utf-8-sig"))))
    assert len(rows) == 6
    assert {row["disclaimer"] for row in rows} == {DISCLAIMER}


@step("End on the honest numbers")
def end_on_the_honest_numbers(demo):
    demo.go("Performance")
    demo.at("tab", "Outside checks").click()
    report = json.loads((ROOT / "weights" / ready()[0] / "report.json").read_text())
    explained = demo.page.get_by_test_id("stAlert").filter(has_text=report["external"]["name"])
    explained.get_by_text("recognising the origin").wait_for()


def test_every_step_of_the_readme_is_performed_here():
    assert list(readme_steps()) == list(STEPS)


@pytest.mark.timeout(900)
def test_the_five_minute_demo(open_tab, tools, ready_model):
    with tools.as_cloned() as environment, tools.running_app(180, environment) as url:
        demo = Presenter(open_tab("/", url=url), tools)
        # The first answer waits for TensorFlow, which takes minutes on a machine with other work.
        demo.page.set_default_timeout(tools.PATIENCE)
        for title, controls in readme_steps().items():
            demo.used = []
            STEPS[title](demo)
            assert sorted(demo.used) == sorted(controls), f"{title}: README and test name the same"
            assert demo.page.locator('[data-testid="stException"]').count() == 0, title
        assert demo.page.errors == []
