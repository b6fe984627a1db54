"""Take the screenshots of every page, light and dark, wide and narrow.

    python docs/make_screenshots.py [--out docs/screenshots] [--url http://localhost:8501]

Without `--url` it starts the app itself on a free port, on what a fresh clone has: the published
weights and drawn phantoms, no dataset and no runs. So no real scan can get into a picture. The
case log of that app is a temporary one, filled with answers about phantoms. It needs the
development extras and a Chromium: the one named by CHROMIUM, /usr/bin/chromium, or Playwright's
own.

The volume is the drawn phantom, unless `--volume` names another file; the refused photograph
is the cup of coffee of scikit-image (CC0).
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = {
    "home": "/",
    "diagnose": "/Diagnose?sample={sample}",
    "volume": "/Diagnose?sample=phantom-volume",
    "refused": "/Diagnose",
    "compare": "/Compare_models?sample={sample}",
    "batch": "/Batch",
    "training": "/Training",
    "performance": "/Performance",
    "dataset": "/Dataset",
    "playground": "/Playground?sample={sample}&rotate=20&hide=16&hide_x=40&hide_y=45",
    "cases": "/Case_log",
}
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
COLOURS = 256
PATIENCE = 300_000


def chromium() -> str | None:
    """Return the path of an installed Chromium, or None for Playwright's own."""
    named = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    return named if Path(named).is_file() else None


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def as_cloned() -> Iterator[dict[str, str]]:
    """Yield an environment in which the app has what a fresh clone has.

    The manifest names its dataset by a path relative to itself, so that a copy of the weights
    finds no scans, whatever lies beside the project.
    """
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        shutil.copytree(ROOT / "weights", clone / "weights")
        (clone / "runs").mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GLIALENS_")}
        yield kept | {
            "GLIALENS_WEIGHTS_DIR": str(clone / "weights"),
            "GLIALENS_RUNS_DIR": str(clone / "runs"),
        }


@contextmanager
def running_app(
    timeout: float = 60.0, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Start the app, wait until it answers, and stop it afterwards.

    Args:
        timeout: Seconds until it must answer.
        environment: Its environment; this process's own by default.

    Yields:
        Its address.
    """
    port = free_port()
    command = [
        sys.executable, "-m", "streamlit", "run", "streamlit_app.py",
        "--server.headless", "true", "--server.port", str(port), "--server.address", "127.0.0.1",
        "--server.fileWatcherType", "none",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: S603
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):  # noqa: S310
                    break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("The app did not start.") from None
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settle(page: Page) -> None:
    """Wait until the script has run and every chart and picture is drawn."""
    page.wait_for_selector(IDLE)
    page.wait_for_selector("h1")
    page.wait_for_timeout(1200)
    page.wait_for_selector(IDLE)
    # A kind of widget is fetched with its first use; until then a grey box holds its place.
    page.wait_for_function("!document.querySelector('[data-testid=\"stSkeleton\"]')")


def show_all(page: Page, width: int, height: int) -> None:
    """Grow the window to the page's height, since the page scrolls inside its own box."""
    box = "document.querySelector('[data-testid=\"stMain\"]').scrollHeight"
    page.set_viewport_size({"width": width, "height": max(height, int(page.evaluate(box)))})
    page.wait_for_timeout(600)


def prepare(page: Page, name: str, volume: Path | None) -> None:
    """Do on a page what its picture needs: predict a volume, hand over a photograph."""
    if name == "refused":
        import numpy as np
        from PIL import Image
        from skimage import data

        with tempfile.TemporaryDirectory() as folder:
            photo = Path(folder) / "photograph.png"
            Image.fromarray(np.asarray(data.coffee())).save(photo)
            drop(page, photo)
            page.get_by_text("No diagnosis for this picture").wait_for()
            page.get_by_alt_text("The slice as it was read").wait_for()
    elif name == "volume":
        if volume is not None:
            page.get_by_text("Upload a scan", exact=True).click()
            settle(page)
            drop(page, volume)
        start = page.get_by_role("button", name="Predict all")
        # Later sessions find the answers of the first one.
        if start.count():
            start.click()
        # Cancel goes once every slice is predicted.
        page.locator('[data-testid="stPlotlyChart"]').nth(1).wait_for()
        page.get_by_role("button", name="Cancel").wait_for(state="hidden")
    elif name == "batch":
        page.get_by_role("button", name="Try the samples").click()
        page.wait_for_selector('[data-testid="stDataFrame"]')
    else:
        return
    settle(page)


def fill_case_log(browser: Browser, url: str) -> None:
    """Save answers about three phantoms, as a reader would."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    for number in (2, 3, 4):
        page.goto(f"{url}/Diagnose?sample=phantom-{number}")
        settle(page)
        page.get_by_role("button", name="Save to the case log").click()
        page.get_by_text("Saved as case").wait_for()
    page.close()


def shrink(file: Path) -> None:
    """Write a picture again with a palette: a third of the bytes, and hardly a difference.

    Of Pillow's palettes the one that covers most colours keeps the small heat maps true; the
    usual one spends itself on the large grey areas.
    """
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    small.save(file, optimize=True)


def drop(page: Page, file: Path) -> None:
    """Put a file into the field for scans."""
    page.set_input_files('[data-testid="stFileUploader"] input[type="file"]', file)


def take(
    url: str, out: Path, sample: str, only: list[str], volume: Path | None, fill: bool
) -> None:
    """Take every picture.

    Args:
        url: Address of the app.
        out: Folder of the pictures.
        sample: Sample of the pages that show one.
        only: Names of pictures; all of them if empty.
        volume: File to show as the volume; the drawn one by default.
        fill: Whether to save cases first.
    """
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        if fill and (not only or "cases" in only):
            fill_case_log(browser, url)
        for theme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    locale="en-GB",
                )
                context.set_default_timeout(PATIENCE)
                for name, path in PAGES.items():
                    if only and name not in only:
                        continue
                    page = context.new_page()
                    page.goto(url + path.format(sample=sample))
                    settle(page)
                    prepare(page, name, volume)
                    show_all(page, width, height)
                    file = out / f"{name}-{theme}-{size}.png"
                    page.screenshot(path=file)
                    shrink(file)
                    page.close()
                    print(file.name, flush=True)
                context.close()
        browser.close()


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description="Take the screenshots of every page.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--url", help="address of a running app")
    parser.add_argument("--sample", default="phantom-3", help="sample that is shown")
    parser.add_argument("--volume", type=Path, help="NIfTI, DICOM or zip instead of the phantom")
    parser.add_argument("--only", action="append", default=[], choices=list(PAGES))
    arguments = parser.parse_args()
    wanted = (arguments.out, arguments.sample, arguments.only, arguments.volume)
    if arguments.url:
        take(arguments.url.rstrip("/"), *wanted, fill=False)
        return
    with as_cloned() as environment:
        log = Path(environment["GLIALENS_RUNS_DIR"]).parent / "cases.db"
        environment |= {
            "GLIALENS_CASE_LOG": "true",
            "GLIALENS_DATABASE_URL": f"sqlite:///{log}",
        }
        with running_app(180.0, environment) as url:
            take(url, *wanted, fill=True)


if __name__ == "__main__":
    main()
