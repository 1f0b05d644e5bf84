"""From bare machines to a cluster with a service: by options, by questions, and after failures."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import monotonic

import pexpect
import pytest

from house import until
from incus_sites import MUSTER, PATIENCE_S, Site, site
from testbed.incus import rest
from testbed.incus.place import address, lacking

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

PASSWORD = "correct horse"
CLUSTERING = r"Do you want to setup clustering\? \(yes/no\) \[default=no\] > "
ROLE = r"What is this machine's role\? \(control/compute\) > "
FIRST = "Please enter a cluster password > "
AGAIN = "Please re-enter password > "
CONTROL = "Please enter the ip address of the control node"
OWN = "Please enter the ip address of this node"


@pytest.fixture
def machines(tmp_path) -> Iterator[Callable[[int], Site]]:
    if why := lacking():
        pytest.skip(why)
    with ExitStack() as stack:
        yield lambda count: stack.enter_context(site(count, tmp_path))


class Watch:
    """Says how long each part took."""

    def __init__(self) -> None:
        self.began = self.since = monotonic()

    def tell(self, what: str) -> None:
        now = monotonic()
        print(f"{what}: {now - self.since:.1f} s ({now - self.began:.1f} s in all)")
        self.since = now


def test_from_bare_machines_to_a_service_that_answers(machines):
    it, watch = machines(3), Watch()
    control = it.control()
    watch.tell("control machine")
    it.muster("m2", "init", "--compute", "--join", control["string"])
    watch.tell("first machine joined")
    string = it.muster("m1", "add-compute", "--name", "m3").strip()
    seed = it.home / "seed.yaml"
    seed.write_text(f"role: compute\njoin: {string}\naddress: {address('m3')}\n")
    it.muster("m3", "init", "--preseed", str(seed))
    watch.tell("second machine joined, with a string for it")
    it.well("m1", "m2", "m3")
    assert "there is one server only" not in it.muster("m1", "cloud", "show", "site")

    made = ("web", "--image", "muster-small", "--flavor", "tiny", "--min", "3", "--max", "6")
    it.muster("m1", "cluster", "create", *made, "--port", "8080", "--wait")
    seen = json.loads(it.muster("m1", "cluster", "show", "web", "--json"))
    url = seen["load_balancer_url"]
    asking = f"from urllib.request import urlopen; print(urlopen({url!r}, timeout=10).status)"
    asked = it.on("m1", MUSTER[0], "-c", asking)
    assert asked.stdout.strip() == "200", (asked, it.log("m1"))
    watch.tell("service of three instances answers")
    assert {each["host"] for each in hosts(it)} >= {"m1", "m2", "m3"}

    launched(it, "m2")
    watch.tell("instance launched on a host, and logged in to")
    refused = it.refused("m1", "launch", "muster-small", "--availability-zone", "nova:m9")
    assert "there is no host 'm9'; there is m1, m2, m3" in refused

    again = json.loads(it.muster("m1", "init", "--control", "--uplink", "eth1", "--json"))
    assert (again["steps"], again["fingerprint"]) == ([], control["fingerprint"])
    it.muster("m2", "init", "--compute", "--join", control["string"])
    used = it.muster("m1", "enrolment", "list", "--json")
    assert {each["used_by"] for each in json.loads(used)} == {"m2", "m3", None}
    kinds = [e["kind"] for e in json.loads(it.muster("m1", "event", "list", "--json"))]
    assert kinds.count("member.joined") == 2


def hosts(it: Site) -> list[dict[str, str]]:
    listed = rest.call(it.place.socket("m1"), "GET", "/1.0/instances?recursion=1")
    return [{"name": each["name"], "host": each["location"]} for each in listed]


def launched(it: Site, host: str) -> None:
    where = f"nova:{host.upper()}.example.org"
    said = it.muster("m1", "launch", "cirros", "--name", "first", "--availability-zone", where)
    assert f"first runs on {host}, at 10.77." in said
    line = shlex.split(said.split("`")[1])
    quiet = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")

    def lets_in() -> bool:  # it has its address before its SSH listens
        inside = it.on("m1", line[0], *quiet, *line[1:], "hostname")
        return inside.stdout.startswith("first")

    until(lets_in, 180, "one can log in")
    assert (it.home / ".ssh").stat().st_mode & 0o777 == 0o700
    assert (it.home / ".ssh/id_muster").stat().st_mode & 0o777 == 0o600


def answered(child: "pexpect.spawn[str]", *pairs: tuple[str, str]) -> None:
    for question, answer in pairs:
        child.expect(question)
        child.sendline(answer)


def ended(child: "pexpect.spawn[str]") -> tuple[int, str]:
    child.expect(pexpect.EOF)
    child.wait()
    return int(child.exitstatus or 0), str(child.before)


def test_everything_is_asked_in_a_terminal_and_no_wrong_answer_does_harm(machines):
    it = machines(2)
    first, second = (address(each) for each in ("m1", "m2"))

    # Whoever does not know the answer three times is let go, and nothing was changed.
    for answers in (
        [(CLUSTERING, "perhaps")] + [("Please answer yes or no.", "perhaps")] * 2,
        [(CLUSTERING, "y"), (ROLE, "boss")] + [("Please answer control or compute.", "boss")] * 2,
        [(CLUSTERING, "yes"), (ROLE, "control")] + [(FIRST, "one"), (AGAIN, "other")] * 3,
        [(CLUSTERING, "yes"), (ROLE, "control")] + [(FIRST, "")] * 3,
        [
            *((CLUSTERING, "YES"), (ROLE, "Control"), (FIRST, "x"), (AGAIN, "x")),
            *((CONTROL, "there"), ("is no address", "10.9.9.9"), ("no address of this", "::1")),
        ],
        [
            *((CLUSTERING, "y"), (ROLE, "compute"), (FIRST, "x"), (AGAIN, "x")),
            *((CONTROL, ""), ("An address is needed", "there"), ("is no address", "10.9.9.900")),
        ],
        [
            *((CLUSTERING, "y"), (ROLE, "compute"), (FIRST, "x"), (AGAIN, "x"), (CONTROL, second)),
            *((OWN, "here"), ("is no address", second), ("no address of this", "10.77.0.0/24")),
        ],
    ):
        with it.terminal("m1", "init") as child:
            answered(child, *answers)
            code, said = ended(child)
        assert (code, "Too many invalid answers" in said) == (1, True), (answers, said)
    assert it.journal("m1") == ""

    # A compute machine before there is a control machine.
    join = [(CLUSTERING, "yes"), (ROLE, "compute"), (FIRST, PASSWORD), (AGAIN, PASSWORD)]
    join += [(CONTROL, first), (rf"{OWN} \[default={second}\] > ", "")]
    with it.terminal("m2", "init") as child:
        answered(child, *join)
        code, said = ended(child)
    assert (code, "Initialise the control machine first" in " ".join(said.split())) == (1, True)

    # Incus is not there, and is not to be installed.
    line = it.without_incus("m1", "init")
    child = pexpect.spawn(
        line[0], line[1:], env={**it.surroundings("m1")}, timeout=PATIENCE_S, encoding="utf-8"
    )
    answered(child, (CLUSTERING, "no"), (r"Install it now\? \(yes/no\) \[default=yes\] > ", "what"))
    answered(child, ("Please answer yes or no.", "no"))
    code, said = ended(child)
    assert (code, "without Incus" in said) == (1, True), said

    # The control machine; what is typed as a password is shown nowhere.
    with it.terminal("m1", "init", "--uplink", "eth1") as child:
        answered(child, (CLUSTERING, "yes"), (ROLE, "control"), (FIRST, "typo"), (AGAIN, "type"))
        answered(child, ("The two are not the same.", PASSWORD), (AGAIN, PASSWORD))
        shown = str(child.before)
        answered(child, (rf"{CONTROL} \[default={first}\] > ", ""))
        code, said = ended(child)
    assert (code, "m1 is the control machine" in said) == (0, True), (said, it.log("m1"))
    assert PASSWORD not in shown + said + it.journal("m1") + it.log("m1")

    # The wrong password, then the right one, the earlier answers being the defaults.
    with it.terminal("m2", "init") as child:
        answered(child, (r"clustering\? \(yes/no\) \[default=yes\] > ", ""))
        answered(child, (r"role\? \(control/compute\) \[default=compute\] > ", ""))
        answered(child, (FIRST, "battery"), (AGAIN, "battery"))
        answered(child, (rf"{CONTROL} \[default={first}\] > ", ""), (OWN, ""))
        code, said = ended(child)
    assert (code, "wrong password" in said) == (1, True), said
    assert set(it.members()) == {"m1"}
    with it.terminal("m2", "init") as child:
        answered(child, ("clustering", ""), ("role", ""), (FIRST, PASSWORD), (AGAIN, PASSWORD))
        answered(child, (CONTROL, ""), (OWN, ""))
        code, said = ended(child)
    assert (code, "m2 is a member of the cluster" in said) == (0, True), said
    assert PASSWORD not in said + it.journal("m2")
    it.well("m1", "m2")


STEPS = 10  # of a control machine, once Incus runs: see decide/founding.py


def test_a_control_machine_that_is_cut_off_at_every_step_is_finished(machines):
    it = machines(1)
    for count in range(1, STEPS):
        process = it.begun("m1", "init", "--control", "--uplink", "eth1")
        until(
            lambda count=count, process=process: (
                process.poll() is not None or it.journal("m1").count('"begun"') >= count
            ),
            180,
            "it has begun the next step",
        )
        it.cut_short("m1")
        process.wait()
    until(lambda: it.on("m1", *MUSTER, "init", "--control").returncode == 0, 180, "it is finished")
    it.well("m1")
    assert "muster-small" in it.muster("m1", "image", "list")


def test_a_joining_that_fails_or_is_cut_off_can_be_done_again(machines):
    it = machines(2)
    string = it.control()["string"]
    join = ("init", "--compute", "--join", string)
    alias = rest.call(it.place.socket("m1"), "GET", "/1.0/images/aliases/muster-small")
    rest.call(it.place.socket("m1"), "DELETE", "/1.0/images/aliases/muster-small")
    assert "could not run an instance" in it.refused("m2", *join)
    assert set(it.members()) == {"m1"}, "nothing of it is left there"
    about = rest.call(it.place.socket("m2"), "GET", "/1.0")["environment"]
    assert not about["server_clustered"], "and the machine is by itself again"
    rest.call(it.place.socket("m1"), "POST", "/1.0/images/aliases", kept(alias))

    assert "no address of this machine" in it.refused("m2", *join, "--address", address("m1"))
    assert "call this machine otherwise" in it.refused("m2", *join, "--name", "m1")

    before = it.journal("m2").count('"begun"')
    process = it.begun("m2", *join)
    until(lambda: it.journal("m2").count('"begun"') > before, 180, "it has begun to join again")
    it.cut_short("m2")
    process.wait()
    again = (*MUSTER, *join)
    until(lambda: it.on("m2", *again).returncode == 0, 180, "it is a member after all")
    it.well("m1", "m2")


def kept(alias: dict[str, str]) -> dict[str, str]:
    return {"name": alias["name"], "target": alias["target"]}
