"""A browser in tests: Chromium without a screen, driven over its DevTools protocol."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from websockets.sync.client import connect

from guard import dying_with
from house import until

PROGRAM = shutil.which("chromium")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
)
# Finds what a reader finds: by label, by the words on it, or by a selector.
_FIND = """
const seen = (e) => e.getClientRects().length > 0 && e.checkVisibility();
const said = (e) => (e.getAttribute('aria-label') || e.textContent).trim().replace(/\\s+/g, ' ');
const find = (words, within = document) => [...within.querySelectorAll(
    'button, a, summary, [role=tab]')].find((e) => seen(e) && !e.disabled && said(e) === words);
const field = (name) => [...document.querySelectorAll('input, select, textarea')].find(
    (e) => seen(e) && (e.name === name || said(e.closest('label') || e).startsWith(name)));
"""


_SURFACES = ("/v1/", "/1.0/", "/v2/")
# What an evaluation is answered that meets a navigation.
_GONE = (
    "Cannot find default execution context",
    "Execution context was destroyed",
    "Inspected target navigated or closed",
)


class Gone(Exception):
    """The page that a script was for is no longer there, or its successor not yet."""


class Line(Protocol):
    """On which a browser is told and tells."""

    def send(self, message: str, /) -> None: ...

    def recv(self, timeout: float) -> str | bytes: ...


class Page:
    """One tab."""

    def __init__(self, line: Line, session: str, url: str) -> None:
        self._line = line
        self._session = session
        self._count = 0
        self.url = url
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Any:
        """Send a command and return its result, noting what the page complains of meanwhile."""
        self._count += 1
        said = {"id": self._count, "sessionId": self._session, "method": method, "params": params}
        self._line.send(json.dumps(said))
        while True:
            told = json.loads(self._line.recv(timeout=30))
            if told.get("id") == self._count:
                if told.get("error", {}).get("message", "").startswith(_GONE):
                    raise Gone(method, told)
                assert "error" not in told, (method, told)
                return told["result"]
            self._note(told)

    def _note(self, told: Any) -> None:
        match told.get("method"), told.get("params"):
            case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                self.errors.append(
                    str(details.get("exception", details).get("description", details))
                )
            case "Log.entryAdded", {"entry": {"level": "error"} as entry} if not _is_answer(entry):
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")
            case "Runtime.consoleAPICalled", {"type": "error" | "warning", "args": args}:
                self.errors.append(" ".join(str(each.get("value")) for each in args))

    def run(self, script: str) -> Any:
        """Return what a script in the page comes to."""
        wrapped = f"(() => {{ {_FIND} return ({script}); }})()"
        told = self.ask(
            "Runtime.evaluate", expression=wrapped, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, (script, told["exceptionDetails"])
        return told["result"].get("value")

    def comes(self, script: str, seconds: float = 60.0) -> Any:
        """Return what a script comes to as soon as that is something."""
        try:
            return until(lambda: self._found(script), seconds, script, every_s=0.05)
        except AssertionError as late:
            text = self._found("document.body.innerText")
            raise AssertionError(f"{late}\n{text}\n{self.errors}") from None

    def _found(self, script: str) -> Any:
        """Return what a script comes to; nothing while the page is on its way elsewhere."""
        try:
            return self.run(script)
        except Gone:
            return None

    def another(self, *, window: bool = False) -> "Page":
        """Return one more tab of the same browser, or one in a window of its own."""
        return Page(self._line, _tab(self._line, newWindow=window), self.url)

    def before_all(self, script: str) -> None:
        """Have a script run in every document before its own ones, whatever the page allows."""
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def shows(self, *words: str, seconds: float = 60.0) -> None:
        """Wait until the page says all of this."""
        for each in words:
            self.comes(f"document.body?.innerText.includes({json.dumps(each)})", seconds)

    def go(self, path: str) -> None:
        self.ask("Page.navigate", url=f"{self.url}{path}")
        self.comes(
            f"location.pathname + location.search === {json.dumps(path)} "
            "&& document.readyState === 'complete'"
        )

    def click(self, words: str, within: str = "document") -> None:
        """Click what is called so as soon as it can be."""
        where = (
            "document" if within == "document" else f"document.querySelector({json.dumps(within)})"
        )
        self.comes(f"!!({where} && find({json.dumps(words)}, {where}))")
        self.run(f"find({json.dumps(words)}, {where}).click()")

    def fill(self, name: str, value: str) -> None:
        """Type into the field of that name or label, in place of what it holds."""
        found = f"field({json.dumps(name)})"
        self.comes(f"!!{found}")
        if self.run(f"{found}.tagName") == "SELECT":
            self.comes(f"[...{found}.options].some((each) => each.value === {json.dumps(value)})")
            self.run(
                f"({found}.value = {json.dumps(value)}, {found}.dispatchEvent("
                "new Event('change', {bubbles: true})))"
            )
            return
        self.run(f"({found}.focus(), {found}.select())")
        if value:
            self.ask("Input.insertText", text=value)
        else:
            self.press("Delete")

    def press(self, key: str, *, ctrl: bool = False) -> None:
        named: dict[str, Any] = {"key": key, "modifiers": 2 if ctrl else 0}
        if key == "Enter":
            named |= {"text": "\r", "windowsVirtualKeyCode": 13}
        if key == "Delete":
            named |= {"windowsVirtualKeyCode": 46}
        if key == "Escape":
            named |= {"windowsVirtualKeyCode": 27}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **named)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    def resize(self, width: int, height: int = 900) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def theme(self, name: str) -> None:
        """Have the system be light or dark."""
        media = [{"name": "prefers-color-scheme", "value": name}]
        self.ask("Emulation.setEmulatedMedia", features=media)

    def shot(self, file: Path) -> None:
        told = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(told["data"]))

    def cut_off(self, offline: bool) -> None:
        """Take the network away, or give it back."""
        self.ask(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )


def _is_answer(entry: Any) -> bool:
    """Whether a browser only notes that the API refused something, which the page tells of."""
    url = entry.get("url", "")
    return entry.get("source") == "network" and any(each in url for each in _SURFACES)


@contextmanager
def opened(home: Path, url: str) -> Iterator[Page]:
    """Yield a tab of a browser of its own, which ends with the block."""
    assert PROGRAM
    words = [PROGRAM, *_FLAGS, f"--user-data-dir={home / 'chromium'}", "about:blank"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdout=quiet, stderr=quiet, preexec_fn=dying_with()) as process:
        try:
            where = _address(home / "chromium")
            with connect(where, max_size=None, ping_interval=None) as line:
                yield Page(line, _tab(line), url)
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]", patience_s: float = 10.0) -> None:
    """Ask a program to end; one that does not is ended by force."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _address(folder: Path) -> str:
    port = folder / "DevToolsActivePort"
    until(lambda: port.exists() and port.read_text().count("\n") == 1, 30, "Chromium listens")
    number, path = port.read_text().split("\n")
    return f"ws://127.0.0.1:{number}{path}"


def _tab(line: Line, **how: bool) -> str:
    """Return the session of a new tab."""
    made = _plain(line, 1, "Target.createTarget", url="about:blank", **how)
    attached = _plain(line, 2, "Target.attachToTarget", targetId=made["targetId"], flatten=True)
    return str(attached["sessionId"])


def _plain(line: Line, id: int, method: str, **params: Any) -> Any:
    """Return what the browser itself answers to a command."""
    line.send(json.dumps({"id": id, "method": method, "params": params}))
    while True:
        told = json.loads(line.recv(timeout=20))
        if told.get("id") == id:
            return told["result"]
