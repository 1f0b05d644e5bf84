"""The documentation says what the code says."""

import re

import pytest
from scripts.reference import PAGES, REFERENCE

from architecture.source import PRODUCT, ROOT, modules
from console_pages import patterns, picture_of
from muster.model.event import KINDS, OF_VERB

FAMILIES = "action|cloud|cluster|image|member|node|rollout|scaling|server|storm|vcluster|volume"
SAID = re.compile(rf'"((?:{FAMILIES})\.[a-z_]+)"')
# Two files, a property of an image, two of a cluster's configuration, two settings of Incus, fields
# of a request, and one of iSCSI's records.
NO_EVENTS = {
    "cluster.evacuate",
    "cluster.https_address",
    "image.json",
    "volume.json",
    "image.release",
    "cluster.stop_node_before_delete",
    "cluster.stop_timeout_before_update",
    "node.startup",
    "vcluster.cloud",
    "vcluster.instances",
    "vcluster.name",
    "vcluster.to_host",
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_made_from_the_code_are_as_new(name):
    assert (REFERENCE / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_page_of_the_console_has_a_small_picture():
    pictures = [ROOT / "docs" / "pictures" / picture_of(pattern) for pattern in patterns()]
    assert [each.name for each in pictures if not each.exists()] == [], "run `make docs`"
    assert sum(each.stat().st_size for each in pictures[0].parent.iterdir()) < 2_000_000


def test_every_kind_of_event_is_in_the_table_and_happens():
    inside = [m for m in modules() if m.parts[-2:] != ("model", "event.py")]
    said = {kind for m in inside for kind in SAID.findall(m.read_text())} - NO_EVENTS
    assert said | set(OF_VERB.values()) == set(KINDS)


def test_links_between_pages_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    lost = [
        (page.name, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert lost == []


def test_the_map_names_every_folder_of_the_product():
    told = (ROOT / "ARCHITECTURE.md").read_text()
    rings = {p.name for p in PRODUCT.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert [ring for ring in rings if f"{ring}/" not in told] == []
