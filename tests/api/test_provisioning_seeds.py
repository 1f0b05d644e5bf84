"""Seeds of tokens: what is in them, who may fetch them, and that secrets leave once."""

import io
import json
import tarfile
from typing import Any

from api.test_provisioning_tokens import made
from muster.ports.store import Query
from office import Office

NETWORK = {
    "interfaces": [{"name": "mgmt", "hwaddr": "enp1s0", "addresses": ["dhcp4"]}],
    "wireguard": [{"name": "wg0", "private_key": "hush"}],
}
SEED = {
    "name": "rack7",
    "description": "of rack 7",
    "seeds": {"network": NETWORK, "applications": {"applications": [{"name": "incus"}]}},
}


async def ask(office: Office, method: str, path: str, body: Any = None, who: str = "root") -> Any:
    return await office.call(method, path, body, who)


async def kept(office: Office, **but: Any) -> str:
    where = await made(office, channel="stable")
    answer = await ask(office, "POST", f"{where}/seeds", {**SEED, **but})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def test_a_seed_is_kept_and_shown_without_its_secrets(office):
    here = await kept(office)
    answer = await ask(office, "GET", here)
    shown = answer.json()["metadata"]
    assert (shown["name"], shown["public"], "hush" in answer.text) == ("rack7", False, False)
    assert shown["seeds"]["network"]["wireguard"][0]["private_key"]["set"] is True
    where = here.rpartition("/")[0]
    assert (await ask(office, "GET", where)).json()["metadata"] == [here]
    again = await ask(office, "POST", where, SEED)
    assert (again.status_code, "already" in again.json()["error"]) == (400, True)
    await ask(office, "DELETE", here)
    assert (await ask(office, "GET", here)).status_code == 404


async def test_a_tar_has_every_document_by_which_a_machine_registers(office):
    here = await kept(office)
    answer = await ask(office, "GET", f"{here}?type=tar")
    assert answer.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        found = {name: json.load(tar.extractfile(name)) for name in tar.getnames()}
    assert set(found) == {
        "applications.json",
        "incus.json",
        "network.json",
        "provider.json",
        "update.json",
    }
    assert found["network.json"]["wireguard"][0]["private_key"] == "hush"
    assert found["incus.json"] == {"version": "1", "apply_defaults": False}
    assert found["update.json"]["channel"] == "stable"
    token = here.split("/")[4]
    assert found["provider.json"]["config"]["server_token"] == token
    assert {each["version"] for each in found.values()} == {"1"}


async def test_what_is_secret_in_a_seed_leaves_once_and_is_kept_no_longer(office):
    here = await kept(office)
    assert "hush" in (await ask(office, "GET", f"{here}?type=json")).text
    again = await ask(office, "GET", f"{here}?type=json")
    assert (again.status_code, "handed out" in again.json()["error"]) == (400, True)
    tokens = await office.desk.store.read(lambda tx: tx.machine_tokens.find(Query()))
    assert "hush" not in str(tokens)
    shown = (await ask(office, "GET", here)).json()["metadata"]
    assert shown["fetched_at"]
    await ask(office, "PUT", here, {"seeds": SEED["seeds"]})
    assert "hush" in (await ask(office, "GET", f"{here}?type=json")).text


async def test_a_secret_that_is_put_as_it_was_shown_stays(office):
    here = await kept(office)
    shown = (await ask(office, "GET", here)).json()["metadata"]
    answer = await ask(office, "PUT", here, {**shown, "description": "of rack 8"})
    assert answer.status_code == 201, answer.text
    told = (await ask(office, "GET", f"{here}?type=json")).json()
    assert told["network"]["wireguard"][0]["private_key"] == "hush"


async def test_only_a_public_seed_is_fetched_by_who_is_nobody(office):
    here = await kept(office)
    for path in (here, f"{here}?type=json", f"{here}s?type=json"):
        assert (await ask(office, "GET", path, None, "")).status_code == 403
    plain = {"applications": {"applications": [{"name": "incus"}]}}
    await ask(office, "PUT", here, {"public": True, "seeds": plain})
    assert (await ask(office, "GET", here, None, "")).status_code == 403
    for _ in range(2):  # nothing in it is secret
        answer = await ask(office, "GET", f"{here}?type=json", None, "")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


async def test_a_token_that_lets_nobody_in_hands_out_no_seed(office):
    here = await kept(office)
    said = {"uses_remaining": 0, "expire_at": "2031-01-01T00:00:00Z"}
    await ask(office, "PUT", here.rpartition("/seeds")[0], said)
    answer = await ask(office, "GET", f"{here}?type=tar")
    assert "has been used" in answer.json()["error"]
    office.clock.advance(5 * 365 * 86400)
    assert "was good until" in (await ask(office, "GET", f"{here}?type=tar")).json()["error"]


async def test_what_this_server_writes_itself_or_does_not_know_is_refused(office):
    where = await made(office)
    parts = {"incus": {}, "nonsense": {}, "network": [], "applications": {"applications": ["x"]}}
    answer = await ask(office, "POST", f"{where}/seeds", {"name": "s", "seeds": parts})
    told = answer.json()
    assert answer.status_code == 400
    assert {each["field"] for each in told["metadata"]["errors"]} == {
        "seeds.incus",
        "seeds.nonsense",
        "seeds.network",
        "seeds.applications.applications",
    }
    here = await kept(office)
    for kind, why in (("iso", "no images"), ("floppy", "must be one of")):
        assert why in (await ask(office, "GET", f"{here}?type={kind}")).json()["error"]


async def test_who_is_nobody_changes_and_removes_no_seed(office):
    here = await kept(office, public=True)
    for method in ("PUT", "DELETE"):
        assert (await ask(office, method, here, {"public": True}, "")).status_code == 403
