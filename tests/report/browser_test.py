#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens HTML reports as their readers do, in a browser without a network, and checks what they then see.

    browser_test.py [--screenshots DIR] PAGE...             checks these files
    browser_test.py [--screenshots DIR] --from COMMAND...   runs COMMAND in a folder that is removed
                                                            afterwards, and checks all *.html it leaves there
    browser_test.py --self-test                             finds planted faults

The checks use a wide and a narrow screen, each in light and in dark, and paper: the browser reports
no error; it loads nothing but the file itself; every plot (<svg>) is visible; no two labels of a
plot overlap, and none extends beyond it; the page is not wider than the window, and cuts off no
caption; texts have contrast with their background (page_checks.js). Ends with 77 (skipped) where
Chromium, its driver or Selenium is missing.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

CHECKS = pathlib.Path(__file__).with_name("page_checks.js").read_text()
PATIENCE = 240  # s, for a command, and for the checks of a page
HEIGHT = 900
VIEWS = {  # name: width, color scheme, medium
    "light-1280": (1280, "light", "screen"),
    "dark-1280": (1280, "dark", "screen"),
    "light-400": (400, "light", "screen"),
    "dark-400": (400, "dark", "screen"),
    "print": (794, "light", "print"),  # 210 mm
}
TALLEST = 16000  # of a screenshot; the browser can draw no larger ones


def reason_to_skip():
    if webdriver is None:
        return f"{sys.executable} has no module selenium (Debian: python3-selenium)"
    for name, package in ("chromium", "chromium"), ("chromedriver", "chromium-driver"):
        if not shutil.which(name):
            return f"{name} is not installed (Debian: {package})"
    return None


class Browser:
    def __enter__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        quiet = ("headless=new", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking",
                 "disable-component-update", "hide-scrollbars", "no-first-run")
        for argument in quiet + (("no-sandbox",) if os.geteuid() == 0 else ()):
            options.add_argument(f"--{argument}")
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_script_timeout(PATIENCE)
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def faults(self, page, view, screenshot=None):
        """The faults of a page in one view, and the number of its plots."""
        width, scheme, medium = VIEWS[view]
        url = page.resolve().as_uri()
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=1,
                     mobile=False)
        self.command("Emulation.setEmulatedMedia", media=medium,
                     features=[{"name": "prefers-color-scheme", "value": scheme}])
        for kind in "browser", "performance":
            self.driver.get_log(kind)  # of the page before
        self.driver.get(url)
        found = self.driver.execute_script(CHECKS)
        if screenshot:
            self.save(screenshot, width)
        return found["faults"] + self.complaints() + self.loads(url), found["plots"]

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def complaints(self):
        return [f"console: {entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def loads(self, own_url):
        """The addresses that the page requested beside its own."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = {message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"}
        return [f"load: {url}" for url in sorted(urls) if url != own_url and not url.startswith("data:")]

    def save(self, file, width):
        """A picture of the whole page, of any height."""
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=min(height, TALLEST),
                     deviceScaleFactor=1, mobile=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(file))


def check(pages, screenshots):
    """Prints the faults of pages, and returns their number."""
    count = 0
    with Browser() as browser:
        for page in pages:
            for view in VIEWS:
                picture = screenshots and screenshots / f"{page.stem}-{view}.png"
                faults, plots = browser.faults(page, view, picture)
                count += len(faults)
                print(f"{page.name}, {view}: {plots} plots, {len(faults)} faults", *faults, sep="\n  ")
    return count


def check_output(command, screenshots):
    program = shutil.which(command[0])
    if not program:
        raise SystemExit(f"there is no program {command[0]}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(pathlib.Path(program).resolve()), *command[1:]], cwd=folder, check=True, timeout=PATIENCE)
        pages = sorted(pathlib.Path(folder).rglob("*.html"))
        if not pages:
            raise SystemExit(f"{' '.join(command)} left no *.html")
        return check(pages, screenshots)


GOOD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Good</title>
<meta name="viewport" content="width=device-width"><style>
  :root { color-scheme: light dark; --text: #222; --page: #fff; --line: #0072b2; --bar: #eee }
  @media (prefers-color-scheme: dark) { :root { --text: #ddd; --page: #111; --line: #56b4e9; --bar: #333 } }
  body { color: var(--text); background: var(--page) }
  svg { max-width: 100% } text { fill: var(--text) } path { stroke: var(--line); fill: none }
  .wide { overflow-x: auto } .wide div { width: 2000px }
</style></head><body><h1>A page</h1><figure>
<svg viewBox="0 0 300 200" width="300" height="200"><rect width="300" height="200" fill="var(--bar)"/>
  <path d="M 30 170 L 280 20"/><text x="40" y="190">0</text><text x="60" y="190">50</text>
  <text transform="translate(20 120) rotate(-90)">loss</text><text transform="translate(240 190) rotate(-40)">max</text>
  EXTRA_MARKS</svg><figcaption>A plot</figcaption></figure>
<p><img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="> A picture of its own</p>
<div class="wide"><div>This scrolls in itself.</div></div>EXTRA</body></html>"""
NEAR, FAR = "picture.png", "https://example.invalid/picture.png"
# Text, the place where it is put, the kind of fault, and the views that must show it.
SCREENS = [view for view in VIEWS if view != "print"]
BROKEN = {
    "labels-overlap": ("_MARKS", '<text x="44" y="193">10</text>', "overlap", VIEWS),
    "turned-labels-overlap": ("_MARKS", '<text transform="translate(23 110) rotate(-90)">time</text>', "overlap",
                              VIEWS),
    "label-sticks-out": ("_MARKS", '<text x="270" y="100">far too long</text>', "outside", VIEWS),
    "label-fades": ("_MARKS", '<text x="100" y="100" style="fill: #777">grey</text>', "contrast", ["dark-1280"]),
    "label-on-a-bar": ("_MARKS", '<rect x="90" y="50" width="90" height="40" fill="#000"/>'
                       '<text x="100" y="80" style="fill: #222">dark</text>', "contrast", VIEWS),
    "empty-plot": ("", '<svg width="90" height="90"><text x="9" y="50">only text</text></svg>', "plot", VIEWS),
    "hidden-plot": ("", '<svg style="display: none"><path d="M 0 0 L 9 9"/></svg>', "plot", VIEWS),
    "flat-plot": ("", '<svg width="90" height="0"><path d="M 0 0 L 9 9"/></svg>', "plot", VIEWS),
    "black-plot": ("", '<svg width="90" height="90"><path d="M 0 0 L 90 90" style="stroke: #000"/></svg>', "plot",
                   ["dark-1280", "dark-400"]),
    "pale-text": ("", '<p style="color: #bbb">pale</p>', "contrast", ["light-1280", "light-400", "print"]),
    "translucent-text": ("", '<p style="opacity: 0.4">pale</p>', "contrast", VIEWS),
    "wide-page": ("", '<div style="width: 600px">wide</div>', "scroll", ["light-400", "dark-400"]),
    "wide-caption": ("", '<div class="wide"><table><caption>A caption</caption><tr><td style="min-width: 90em">1</td></tr></table>'
                     '</div>', "caption", ["light-400", "dark-400"]),
    "far-picture": ("", f'<img alt="" src="{FAR}">', f"load: {FAR}", VIEWS),
    "near-picture": ("", f'<img alt="" src="{NEAR}">', "load: file:", VIEWS),
    "complaint": ("", "<script>console.error('broken')</script>", "console: SEVERE", VIEWS),
    "warning": ("", "<script>console.warn('odd')</script>", "console: WARNING", VIEWS),
    "exception": ("", "<script>nothing.at.all()</script>", "console: SEVERE", VIEWS),
}


def write_page(folder, name, place="", extra=""):
    page = folder / f"{name}.html"
    text = GOOD.replace(f"EXTRA{place}<", extra + "<", 1) if place else GOOD.replace("EXTRA</body>", extra + "</body>")
    page.write_text(text.replace("EXTRA_MARKS", "").replace("EXTRA", ""))
    return page


def self_test():
    """The number of planted faults that are not found, plus that of faults found but not
    planted."""
    failures = []
    with tempfile.TemporaryDirectory() as name, Browser() as browser:
        folder = pathlib.Path(name)
        good = write_page(folder, "good")
        for view in VIEWS:
            faults, plots = browser.faults(good, view, folder / "good.png")
            if faults or plots != 1 or not (folder / "good.png").stat().st_size:
                failures.append(f"good, {view}: {plots} plots, {faults}")
        for name, (place, extra, wanted, views) in BROKEN.items():
            page = write_page(folder, name, place, extra)
            for view in views:
                faults, _ = browser.faults(page, view)
                if not any(fault.startswith(wanted) for fault in faults):
                    failures.append(f"{name}, {view}: {faults} instead of '{wanted}'")
    print(*failures, f"{len(BROKEN)} broken pages, {len(failures)} failures", sep="\n")
    return len(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", metavar="DIR", type=pathlib.Path)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--self-test", action="store_true")
    what.add_argument("--from", dest="command", nargs=argparse.REMAINDER, metavar="COMMAND")
    what.add_argument("pages", nargs="*", default=[], metavar="PAGE", type=pathlib.Path)
    options = parser.parse_args()
    if reason := reason_to_skip():
        print(f"skipped: {reason}")
        return 77
    if options.self_test:
        count = self_test()
    elif options.command:
        count = check_output(options.command, options.screenshots)
    else:
        count = check(options.pages, options.screenshots)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
