"""A headless Chromium, driven by its own DevTools protocol over pipes: what a page shows, and what it complains of.

`--remote-debugging-pipe`: JSON messages, each ended by a zero byte (https://chromedevtools.github.io/devtools-protocol/).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LIMIT_S = 30.0
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync"),
    *("--no-default-browser-check", "--mute-audio", "--hide-scrollbars", "--remote-debugging-pipe"),
)

ON_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which speaks the protocol on these two descriptors."""


class Browser:
    """One process with one page."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, answers: int) -> None:
        self._process = process
        self._commands = commands
        self._answers = answers
        self._rest = b""
        self._count = 0
        self._target = ""
        self._session: str | None = None
        self.complaints: list[str] = []
        """Errors on the page's console, exceptions, and whatever its policy has forbidden."""
        self.asked: list[str] = []
        """The addresses that the page has sent requests to."""

    def open(self, url: str, *, width: int = 1440, height: int = 900, dark: bool = False) -> None:
        """Loads a page afresh, in place of the one before."""
        before, self._target = self._target, self.call("Target.createTarget", url="about:blank")["targetId"]
        if before:
            self.call("Target.closeTarget", targetId=before)
        self._session = None
        self.complaints.clear()
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)
        self.prefer(dark=dark)
        self.call("Page.navigate", url=url)
        self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")

    def size(self, width: int, height: int) -> None:
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def prefer(self, *, dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression on the page; a promise's once it is there."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, script: str, limit_s: float = LIMIT_S) -> Any:
        """The expression's value, once it is true."""
        ends_at = time.monotonic() + limit_s
        while not (value := self.run(script)):
            assert time.monotonic() < ends_at, f"not within {limit_s:g} s: {script}; {self.complaints}; {self.text()}"
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """As a finger or a mouse would, in the middle of the first such element."""
        box = self.wait_for(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)}); if (!it) return null;"
            " it.scrollIntoView({block: 'center'}); const b = it.getBoundingClientRect();"
            " return b.width ? [b.x + b.width / 2, b.y + b.height / 2] : null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text="\r" if key == "Enter" else "")

    def text(self) -> str:
        shown: str = self.run("document.body.innerText")
        return shown

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))

    def call(self, method: str, **parameters: Any) -> Any:
        """Sends a command and returns its result."""
        self._count += 1
        command: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None and not method.startswith("Target."):
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._receive()).get("id") != self._count:
            self._take(message)
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("sessionId") != self._session:
            return  # of a page that has been left
        said = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["exceptionDetails"])[:500])
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(said["args"])[:500])
            case "Log.entryAdded" if said["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.asked.append(said["request"]["url"])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], LIMIT_S)
            assert ready, "the browser does not answer"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser is gone"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def end(self) -> None:
        for end in (self._commands, self._answers):
            os.close(end)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def chromium(folder: Path, flags: Sequence[str] = ()) -> Iterator[Browser]:
    """A browser of its own; it ends with its pipes."""
    assert CHROMIUM is not None
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", ON_3_AND_4, str(theirs_in), str(theirs_out), *command],
        pass_fds=(theirs_in, theirs_out),
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    browser = Browser(process, commands, answers)
    try:
        yield browser
    finally:
        browser.end()
