"""Chromium without a window, told what to do over two pipes by its own protocol (chromedevtools.github.io).

Keys and clicks are those of a person: they go to the page as input events.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

SECONDS = 30
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --lang=en-US "
    "--remote-debugging-pipe"
).split()
# The text that a key types, and its code.
KEYS = {"Tab": ("", 9), "Enter": ("\r", 13), "Escape": ("", 27)}


def program():
    """The browser's own program. A stub that only tells of a snap starts nothing without its daemon."""
    found = [shutil.which(name) for name in NAMES]
    return next((path for path in found if path and not is_stub(path)), None)


def is_stub(path):
    with open(path, "rb") as file:
        return b"snap install" in file.read(4096)


class Browser:
    def __init__(self, folder):
        self.folder = folder
        down_read, self.down = os.pipe()
        self.up, up_write = os.pipe()
        # The protocol is read from descriptor 3 and written to 4.
        start = f'exec "$@" 3<&{down_read} 4>&{up_write}'
        arguments = [program(), *OPTIONS, f"--user-data-dir={folder}/profile", "about:blank"]
        with open(folder / "chromium.log", "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", start, "chromium", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(down_read, up_write),
                env={**os.environ, "HOME": str(folder)},
            )
        os.close(down_read)
        os.close(up_write)
        self.numbers = itertools.count(1)
        self.unread = b""
        self.answers = {}
        self.pages = {}
        self.downloads = []

    def close(self):
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.down)
        os.close(self.up)

    def call(self, method, session=None, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.write(message)
        self.until(method, lambda: number in self.answers)
        answer = self.answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def write(self, message):
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self.down, rest) :]

    def until(self, what, condition):
        """Takes in what the browser says until the condition holds, and returns what it gave."""
        deadline = time.monotonic() + SECONDS
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
            if select.select([self.up], [], [], 0.5)[0]:
                read = os.read(self.up, 1 << 20)
                assert read, f"the browser has ended\n{(self.folder / 'chromium.log').read_text(errors='replace')}"
                *messages, self.unread = (self.unread + read).split(b"\0")
                for message in messages:
                    self.take(json.loads(message))

    def take(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
        elif message["method"] == "Browser.downloadProgress":
            self.downloads.append(message["params"])
        elif message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].take(message["method"], message["params"])

    def page(self, **kind):
        return Page(self, **kind)


class Page:
    """A tab of somebody who has no cookie yet."""

    def __init__(self, browser, width=1280, height=900, scheme="light", runs_scripts=True):
        self.browser = browser
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=self.context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        self.complaints, self.requests, self.loads = [], [], 0
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.emulate(scheme)
        if not runs_scripts:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def close(self):
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)
        del self.browser.pages[self.session]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def take(self, method, told):
        if method == "Page.loadEventFired":
            self.loads += 1
        elif method == "Log.entryAdded":
            self.complaints.append(f"{told['entry']['source']}: {told['entry']['text']}")
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(f"exception: {told['exceptionDetails']}")
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(f"console: {told['args']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def emulate(self, scheme, media=""):
        # A colour on its way from one scheme to the other is none of either.
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def goes_on(self, act):
        """Does what leads to another page, and waits until that is there."""
        loads = self.loads
        act()
        self.browser.until("the next page", lambda: self.loads > loads)

    def open(self, url):
        def navigate():
            told = self.call("Page.navigate", url=url)
            assert not told.get("errorText"), (url, told)

        self.goes_on(navigate)

    def run(self, expression):
        """The value of an expression in the page; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, (expression[:300], told["exceptionDetails"])
        return told["result"].get("value")

    def address(self):
        return self.run("location.href")

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector):
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(it => it.innerText.trim())")

    def has(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)}) !== null")

    def press(self, key, times=1):
        text, code = KEYS[key]
        for _ in range(times):
            common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        """Clicks into the middle of what the selector finds first."""
        place = self.run(
            f"""(() => {{
                const found = document.querySelector({json.dumps(selector)});
                found.scrollIntoView({{block: "center", behavior: "instant"}});
                const box = found.getClientRects()[0];
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **at)

    def follow(self, selector):
        self.goes_on(lambda: self.click(selector))

    def screenshot(self, path):
        """The whole page as an image."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1}
        told = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(told["data"]))

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def download(self, selector, folder):
        """Clicks a link to a file and returns what was saved."""
        self.browser.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(folder),
            browserContextId=self.context,
            eventsEnabled=True,
        )
        self.browser.downloads.clear()
        before = set(folder.iterdir())
        self.click(selector)
        done = lambda: [it for it in self.browser.downloads if it["state"] != "inProgress"]  # noqa: E731
        [told] = self.browser.until("the download", done)[:1]
        assert told["state"] == "completed", told
        [path] = set(folder.iterdir()) - before
        return path
