"""Muster's own certificate in the console: replaced by one that is given, and got by ACME."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import browser
from browser import Page
from certified import SafeHouse, safe_house, signer
from guard import guarded
from house import until
from muster.base.certificates import fingerprint
from pebbles import Pebble, pebble

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
DIALOG = "dialog[open]"
DOMAIN = "muster.example.com"
SECURITY = "/1.0/system/security"
SOON_S = 60.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as made:
        yield made


@pytest.fixture(scope="module")
def it(authority: Pebble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SafeHouse]:
    home = tmp_path_factory.mktemp("house") / "home"
    with guarded(str(home), removing=home):
        made = safe_house(home)
        made.environ["SSL_CERT_FILE"] = authority.believed
        try:
            made.start()
            yield made
        finally:
            made.kill()


@pytest.fixture(scope="module")
def tab(it: SafeHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    home: Path = tmp_path_factory.mktemp("browser")
    with browser.opened(home, it.url) as page:
        page.ask("Security.setIgnoreCertificateErrors", ignore=True)  # nobody vouches for it
        page.resize(1280)
        yield page


def test_it_is_replaced_by_one_that_is_given_and_by_no_other(page: Page, it: SafeHouse) -> None:
    ours, other = (signer(name, datetime.now(UTC)) for name in ("ours", "other"))
    before = fingerprint(it.shown)
    page.go("/system")
    page.shows(f"{before}", "days left")
    page.fill("certificate", ours.pem)
    page.fill("key", other.private())
    page.click("Show what happens")
    page.shows("What will be lost", "its key is kept nowhere")
    page.click("Replace it", DIALOG)
    page.comes(f"document.querySelector('{DIALOG} [role=alert]')?.innerText.includes('key')")
    page.click("Cancel", DIALOG)
    assert fingerprint(it.shown) == before
    page.fill("key", ours.private())
    page.click("Show what happens")
    page.click("Replace it", DIALOG)
    page.shows("It is shown from now on.", f"{fingerprint(ours.pem)}")
    page.comes("field('certificate').value === '' && field('key').value === ''")
    assert fingerprint(it.shown) == fingerprint(ours.pem)


def at_field(name: str) -> str:
    return f"field('{name}').closest('label').querySelector('[role=alert]')?.innerText"


def sets(page: Page, *foreseen: str) -> None:
    page.click("Show what it does")
    page.shows("What will happen", *foreseen)
    page.click("Set it so", DIALOG)


def test_where_it_is_got_from_is_set_once_all_is_right(
    page: Page, it: SafeHouse, authority: Pebble
) -> None:
    before = it.shown
    page.go("/system")
    page.fill("domain", "10.0.0.1")
    assert page.comes(at_field("domain")) == "must be a name, not an address"
    assert page.comes(at_field("agree_tos")) == "no authority gives a certificate without"
    assert not page.run("find('Show what it does')")
    page.fill("domain", DOMAIN)
    page.run("field('agree_tos').click()")
    page.fill("ca_url", authority.url)
    page.fill("http_challenge_address", authority.proofs)
    page.fill("email", f"{'a' * 250}@example.com")
    sets(page, f"asked for a certificate of {DOMAIN}", f"listens at {authority.proofs} while")
    page.comes(f"!!document.querySelector('{DIALOG} [role=alert]')")
    page.click("Cancel", DIALOG)
    assert "254" in page.comes(at_field("email"))  # as only the service knows
    page.fill("email", "ops@example.com")
    sets(page)
    page.shows("It is set, for all servers.", f"Muster gets it by ACME for {DOMAIN}")
    until(lambda: it.shown != before, SOON_S, it.told)  # it is asked for by itself


def test_one_that_is_got_by_acme_is_renewed_when_somebody_says_so(
    page: Page, it: SafeHouse
) -> None:
    first = fingerprint(it.shown)
    page.go("/system")
    page.shows(f"{first}")
    page.click("Renew it now")
    page.shows(f"an authority is asked for a certificate of {DOMAIN}")
    # Nobody gets two at once, and whoever got the first may have its turn a moment longer.
    renew = f"find('Renew it', document.querySelector('{DIALOG}') ?? document.head)?.click()"
    page.comes(f"({renew}, document.querySelector('dd.mono').innerText !== '{first}')")
    page.shows("It is shown from now on.", f"{fingerprint(it.shown)}")


def test_what_somebody_else_has_set_meanwhile_is_read_first_and_then_ended(
    page: Page, it: SafeHouse
) -> None:
    page.go("/system")
    page.fill("email", "mine@example.com")
    it.call("PUT", SECURITY, {"acme": {"email": "theirs@example.com"}})
    sets(page, "when a third of its lifetime is left")
    page.shows("somebody changed it meanwhile")
    page.click("Cancel", DIALOG)
    page.click("Read it again")
    page.comes("field('email').value === 'theirs@example.com'")
    page.fill("domain", "")
    sets(page, f"no certificate of {DOMAIN} is got any more")
    page.comes("!document.body.innerText.includes('Muster gets it by ACME for')")
    assert it.call("GET", SECURITY)["acme"]["domain"] == ""
