"""Channels: described, listed with who is of them, and not forgotten while anybody is."""

from machines import a_machine

HERE = "/1.0/provisioning/channels"


async def ask(office, method, path, body=None):
    return await office.call(method, path, body, "root")


async def test_a_channel_is_described_and_whoever_is_of_one_makes_it_known(office):
    made = await ask(office, "POST", HERE, {"name": "slow", "description": "after a week"})
    assert (made.status_code, made.headers["location"]) == (201, f"{HERE}/slow")
    machine = a_machine(channel="daily")
    await office.desk.store.write(lambda tx: tx.machines.put(machine))
    found = (await ask(office, "GET", f"{HERE}?recursion=1")).json()["metadata"]
    assert [(each["name"], each["used_by"]) for each in found] == [
        ("daily", ["server m1"]),
        ("slow", []),
    ]
    again = await ask(office, "POST", HERE, {"name": "slow"})
    assert (again.status_code, "already" in again.json()["error"]) == (400, True)


async def test_a_channel_that_anybody_is_of_is_not_forgotten(office):
    for name in ("slow", "daily"):
        await ask(office, "POST", HERE, {"name": name})
    machine = a_machine(channel="daily")
    await office.desk.store.write(lambda tx: tx.machines.put(machine))
    assert (await ask(office, "DELETE", f"{HERE}/slow")).status_code == 200
    told = await ask(office, "DELETE", f"{HERE}/daily")
    assert (told.status_code, told.json()["error"]) == (
        400,
        "channel 'daily' is used by server m1",
    )
    assert (await ask(office, "GET", f"{HERE}/slow")).status_code == 404


async def test_a_description_is_held_to_what_was_seen(office):
    await ask(office, "POST", HERE, {"name": "slow"})
    seen = await ask(office, "GET", f"{HERE}/slow")
    client = office.clients["all"]
    headers = {"x-name": "root", "if-match": seen.headers["etag"]}
    shown = {**seen.json()["metadata"], "description": "later"}
    first = await client.request("PUT", f"{HERE}/slow", json=shown, headers=headers)
    late = await client.request("PUT", f"{HERE}/slow", json=shown, headers=headers)
    assert (first.status_code, late.status_code) == (201, 412)


async def test_no_updates_are_kept_here_and_that_is_said(office):
    where = "/1.0/provisioning/updates"
    assert (await ask(office, "GET", f"{where}?channel=stable")).json()["metadata"] == []
    for path in (where, f"{where}/:refresh"):
        told = await ask(office, "POST", path, {})
        assert (told.status_code, "package sources" in told.json()["error"]) == (400, True)
