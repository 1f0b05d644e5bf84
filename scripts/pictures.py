"""Take a picture of every page of the console, for the docs: part of `make docs`.

A real server with something of every kind on the simulated cloud, in a real Chromium. A picture is
replaced only by one that is clearly another, so that times and ids alone change nothing.
"""

import base64
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
SHARE = 0.04  # of the pixels: times and ids take fewer
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
