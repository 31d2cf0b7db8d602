"""Chromium without a window, driven by its DevTools protocol over two pipes: needs no library and no port."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = "chromium"
SWITCHES = ("--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--hide-scrollbars")


KEYS = {"Tab": 9, "Enter": 13}


def have_chromium() -> bool:
    """Return whether it is installed."""
    return shutil.which(COMMAND) is not None


class Page:
    """One page. `said` has what the browser's console was told of it: messages, errors, refusals of its policy."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, os.fdopen(answers, "rb")
        self._numbers = itertools.count(1)
        self._session = ""
        self._events: list[dict[str, Any]] = []
        self._rest = b""

    def open(self, path: Path, *, width: int, height: int = 900, scheme: str = "light", media: str = "") -> None:
        """Load a file into a new tab of this size, as a screen of this colour scheme or as `print` shows it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self._events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self._wait("Page.loadEventFired")

    @property
    def said(self) -> list[str]:
        """Return what the console was told since the page was opened."""
        self.evaluate("1")  # what was said before has come with the answer
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self._events if event["method"] in kinds]

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, as JSON can carry it."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def names(self) -> list[tuple[str, str]]:
        """Return role and accessible name of each node that assistive technology gets, in its order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")
        ]

    def press(self, key: str) -> None:
        """Press and release a key, such as `Tab`."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=9 if key == "Tab" else 13
            )

    def screenshot(self, *, whole: bool = True) -> bytes:
        """Return a PNG of the page, or of what is visible of it."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session and not method.startswith("Target.") else {}
        message = {"id": number, "method": method, "params": params, **session}
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self._events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def close(self) -> None:
        """End the browser: it does so when nothing can ask it any more."""
        os.close(self._requests)
        self._answers.close()

    def _wait(self, method: str) -> None:
        while not any(event["method"] == method for event in self._events):
            self._events.append(self._read())

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = self._answers.read1(1 << 16)
            assert chunk, "the browser has ended"
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def browser() -> Iterator[Page]:
    """Yield a page of a browser of its own; both end with the block."""
    theirs, requests = os.pipe()
    answers, ours = os.pipe()
    with tempfile.TemporaryDirectory(prefix="package-cache-chromium-") as profile:
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        argv = [COMMAND, *SWITCHES, *root, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{ours}', "bash", *argv],  # sh knows descriptors of one digit
            pass_fds=(theirs, ours),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)
        page = Page(requests, answers)
        try:
            yield page
        finally:
            page.close()
            process.wait(timeout=30)
