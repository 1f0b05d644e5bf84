"""Take a picture of every page of the console, for the docs: part of `make docs`.

A real server with something of every kind on the simulated cloud, in a real Chromium. What is
another at each run (times, ids, ports) is written alike before a picture is taken, and a picture is
replaced only by one that is clearly another.
"""

import base64
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from socket import gethostname

from PIL import Image, ImageChops

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

import browser  # noqa: E402
from browser import Page  # noqa: E402
from console_pages import READY, addresses, patterns, picture_of  # noqa: E402
from filled import filled  # noqa: E402
from muster.api.console import BUILT  # noqa: E402

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH, HEIGHT = 1120, 760
COLOURS = 128  # the most frequent ones, as they are
SHADE = 40  # of 255: a pixel that differs less looks the same
SHARE = 0.01  # of the pixels: who is on which host takes fewer
BOTH = ("/", "/clusters", "/clusters/{name}/{id}", "/server-clusters/{name}")
SETTLED_S = 30.0


def shots(page: Page) -> Iterator[tuple[str, Image.Image]]:
    """Yield the name of each picture, and the picture."""
    known = addresses(page)
    for pattern in patterns():
        themes = ("light", "dark") if pattern in BOTH else ("light",)
        for theme in themes:
            _still(page, theme)
            page.go(known[pattern])
            page.comes(READY, SETTLED_S)
            page.comes("world_is_drawn()", SETTLED_S)
            page.run(ALIKE.replace("HOSTNAME", json.dumps(gethostname())))
            yield picture_of(pattern, theme), _shot(page)


def _still(page: Page, theme: str) -> None:
    features = [
        {"name": "prefers-color-scheme", "value": theme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    page.ask("Emulation.setEmulatedMedia", features=features)


def _shot(page: Page) -> Image.Image:
    told = page.ask("Page.captureScreenshot", format="png")
    whole = Image.open(io.BytesIO(base64.b64decode(told["data"]))).convert("RGB")
    counted = sorted(whole.getcolors(WIDTH * HEIGHT) or [], reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([shade for _, colour in counted for shade in colour])  # type: ignore[misc]
    return whole.quantize(palette=palette, dither=Image.Dither.NONE)


def is_another(before: Path, now: Image.Image) -> bool:
    """Whether a picture is clearly not the one of before."""
    if not before.exists():
        return True
    with Image.open(before) as old:
        if old.size != now.size:
            return True
        apart = ImageChops.difference(old.convert("RGB"), now.convert("RGB")).convert("L")
    changed = sum(apart.histogram()[SHADE:])
    return changed > SHARE * now.size[0] * now.size[1]


# Nothing was drawn anew for a while: what was asked for has come.
DRAWN = """
(() => {
  let last = 0;
  const seen = () => (last = performance.now());
  new MutationObserver(seen).observe(document, { childList: true, subtree: true, characterData: true });
  window.world_is_drawn = () => performance.now() - last > 700;
})();
"""  # noqa: E501


# What differs from run to run, as if it did not.
ALIKE = r"""(() => {
  const rules = [
    [/\b\d\d:\d\d:\d\d [AP]M\b/g, "09:41:00 AM"],
    [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\dZ]*/g, "2026-01-01T09:41:00Z"],
    [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
      "0f1e2d3c-4b5a-4697-8877-665544332211"],
    [/\bnode-[A-Za-z0-9]{8}\b/g, "node-Q7bX2mKd"],
    [/\b[0-9a-f]{12,}\b/g, (said) => "5eed".repeat(16).slice(0, said.length)],
    [/\b(127\.0\.0\.1|localhost):\d+/g, "$1:8778"],
    [/"server_token": "[^"]+"/g, '"server_token": "…"'],
  ];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let at = texts.nextNode(); at; at = texts.nextNode())
    if (at.data.trim() === HOSTNAME) at.data = "desk";
    else for (const [found, put] of rules) at.data = at.data.replace(found, put);
})()"""


def main() -> None:
    if browser.PROGRAM is None or not (BUILT / ".stamp").exists():
        print("docs/pictures: kept as they are, for Chromium or the built console is not here")
        return
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        filled(Path(folder)) as it,
        browser.opened(Path(folder), it.url) as page,
    ):
        page.resize(WIDTH, HEIGHT)
        page.ask("Emulation.setTimezoneOverride", timezoneId="UTC")
        page.ask("Emulation.setScrollbarsHidden", hidden=True)
        page.before_all(DRAWN)
        taken = [(name, _kept(PICTURES / name, shot)) for name, shot in shots(page)]
    for old in set(PICTURES.glob("*.png")) - {PICTURES / name for name, _ in taken}:
        old.unlink()
    changed = [name for name, is_new in taken if is_new]
    size = sum(each.stat().st_size for each in PICTURES.glob("*.png"))
    print(f"docs/pictures: {len(taken)}, {size // 1000} kB; new: {', '.join(changed) or 'none'}")


def _kept(file: Path, shot: Image.Image) -> bool:
    if not is_another(file, shot):
        return False
    shot.save(file, optimize=True)
    return True


if __name__ == "__main__":
    main()
