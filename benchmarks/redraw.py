"""From moving a control of the overlay to the new picture, in a browser."""

from typing import Any, Final

import numpy as np

from benchmarks.start import browser, dashboard
from benchmarks.timing import summary

_PAGE: Final = "/Diagnose?model=cnn&sample=phantom-1"
_OVERLAY: Final = "img[alt^='Heat map over the slice']"
_WAIT: Final = 120_000
_LOADING: Final = 20_000
# Runs in the page, so that the way from the driver to the browser isn't counted.
_WATCH: Final = """selector => {
    const picture = document.querySelector(selector);
    const before = picture.src;
    window.redrawn = new Promise(resolve => {
        let began = null;
        document.addEventListener("keydown", () => { began ??= performance.now(); },
            {capture: true, once: true});
        const look = () => {
            const now = document.querySelector(selector);
            if (began !== null && now && now.src !== before && now.complete)
                resolve(performance.now() - began);
            else requestAnimationFrame(look);
        };
        look();
    });
}"""


def measure(rounds: int) -> dict[str, Any]:
    """Press a key on the opacity slider and on the outline's switch, and wait for the picture.

    Returns:
        Milliseconds of each control, or why nothing was timed.
    """
    with browser() as (page, reason):
        if page is None:
            return {"controls": {}, "not_timed_because": reason}
        with dashboard() as url:
            page.set_default_timeout(_WAIT)
            page.goto(url + _PAGE)
            page.wait_for_selector(_OVERLAY)
            # The other models are loaded meanwhile.
            page.wait_for_timeout(_LOADING)
            controls = {
                "opacity": (
                    page.get_by_role("slider", name="Opacity"),
                    ("ArrowLeft", "ArrowRight"),
                ),
                "outline": (
                    page.get_by_role("switch", name="Outline the hottest region"),
                    (" ", " "),
                ),
            }
            found = {}
            for name, (control, keys) in controls.items():
                control.focus()
                seconds = []
                for turn in range(rounds + 1):
                    page.evaluate(_WATCH, _OVERLAY)
                    control.press(keys[turn % 2])
                    seconds.append(page.evaluate("window.redrawn") / 1000)
                    page.wait_for_timeout(300)
                found[name] = summary(seconds[1:]) | {
                    "p95_ms": round(1000 * float(np.quantile(seconds[1:], 0.95)), 1)
                }
    return {"controls": found, "not_timed_because": ""}
