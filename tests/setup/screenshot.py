#!/usr/bin/env python3
"""Makes docs/images/results.png: the page of results as `surveyd demo --serve` shows it.

    tests/setup/screenshot.py target/release/surveyd docs/images/results.png

It needs chromium and chromedriver (Debian: chromium-driver).
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

WIDTH, HEIGHT = 1280, 1120
PORT = 9515
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars
--disable-background-networking --disable-component-update --disable-sync""".split()


def call(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    address = f"http://127.0.0.1:{PORT}{path}"
    request = urllib.request.Request(address, data=data, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["value"]


def shoot(address, password, profile):
    options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
    wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    session = f"/session/{call('/session', wanted)['sessionId']}"

    def tell(command, **parameters):
        body = {"cmd": command, "params": parameters}
        return call(f"{session}/goog/cdp/execute", body)

    try:
        call(f"{session}/url", {"url": f"{address}login"})
        fill = (
            "const { elements } = document.querySelector('[name=password]').form;"
            "elements.namedItem('name').value = 'demo';"
            "elements.namedItem('password').value = arguments[0];"
            "elements.namedItem('password').form.submit();"
        )
        call(f"{session}/execute/sync", {"script": fill, "args": [password]})
        light = [{"name": "prefers-color-scheme", "value": "light"}]
        tell("Emulation.setEmulatedMedia", features=light)
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        tell("Emulation.setDeviceMetricsOverride", **size)
        time.sleep(1)
        call(f"{session}/url", {"url": address})
        return base64.b64decode(tell("Page.captureScreenshot", format="png")["data"])
    finally:
        call(session, method="DELETE")


def main(program, out):
    demo = subprocess.Popen([program, "demo", "--serve"], stdout=subprocess.PIPE, text=True)
    driver = subprocess.Popen(["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL)
    try:
        said = ""
        while "password of both" not in said:
            line = demo.stdout.readline()
            if not line:
                sys.exit("the demonstration has ended by itself")
            said += line
        address = re.search(r"http://\S+/", said)[0]
        password = re.search(r"password of both: (\S+)", said)[1]
        with tempfile.TemporaryDirectory() as profile:
            picture = shoot(address, password, profile)
        with open(out, "wb") as file:
            file.write(picture)
    finally:
        for process in (driver, demo):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
