"""From a bare machine on: what is next, why not, and that it comes to an end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.decide.founding import (
    IMAGE,
    NETWORK,
    POOL,
    STEPS,
    TOLD,
    listens_at,
    next_step,
    refusal,
    wrong_address,
)
from muster.model.founding import MachineSeen, Role, ServerSeen, Step, Wish

ADDRESS = "10.0.0.1"
BARE = MachineSeen(addresses=(ADDRESS,), agent=False)


def wish(role: Role = Role.CONTROL, **but: object) -> Wish:
    return replace(Wish(role=role, name="m1", address=ADDRESS, password=True), **but)


def server(seen: MachineSeen, **but: object) -> MachineSeen:
    return replace(seen, server=replace(seen.server or ServerSeen(), **but))


# What there is to be seen once a step was done.
DONE = {
    Step.INSTALL: lambda seen: replace(seen, installed=True),
    Step.START: lambda seen: replace(seen, server=ServerSeen()),
    Step.EMPTY: lambda seen: server(seen, pools=(), networks=(), devices=()),
    Step.LISTEN: lambda seen: server(seen, listens=listens_at(wish())),
    Step.POOL: lambda seen: server(seen, pools=(POOL,)),
    Step.NETWORK: lambda seen: server(seen, networks=(NETWORK,)),
    Step.PROFILE: lambda seen: server(seen, devices=("root", "eth0")),
    Step.CLUSTER: lambda seen: server(seen, member="m1", trusts_us=False),
    Step.TRUST: lambda seen: server(seen, trusts_us=True),
    Step.IMAGE: lambda seen: server(seen, images=(IMAGE,)),
    Step.SETTINGS: lambda seen: replace(seen, configured=True),
    Step.SERVICE: lambda seen: replace(seen, serving=True),
    Step.PASSWORD: lambda seen: replace(seen, password=True),
    Step.JOIN: lambda seen: server(seen, member="m1"),
    Step.VERIFY: lambda seen: replace(seen, verified=True),
    Step.AGENT: lambda seen: replace(seen, agent=True),
}
servers = st.builds(
    ServerSeen,
    listens=st.sampled_from(["", f"{ADDRESS}:8443", "10.0.0.9:8443"]),
    member=st.sampled_from(["", "m1"]),
    pools=st.sampled_from([(), ("other",)]),
    networks=st.sampled_from([(), ("other",)]),
    devices=st.sampled_from([(), ("root",), ("root", "eth0")]),
    images=st.sampled_from([(), (IMAGE,)]),
    trusts_us=st.booleans(),
)
machines = st.builds(
    MachineSeen,
    installed=st.booleans(),
    server=st.none() | servers,
    configured=st.booleans(),
    serving=st.booleans(),
    agent=st.booleans(),
    verified=st.booleans(),
)


@pytest.mark.parametrize("role", Role)
def test_on_a_bare_machine_everything_is_done_in_its_order(role):
    seen, done = BARE, []
    while step := next_step(wish(role), seen):
        done.append(step)
        seen = DONE[step](seen)
    already = {Step.EMPTY} if role is Role.COMPUTE else set()
    assert done == [each for each in STEPS[role] if each not in already]


@given(role=st.sampled_from(Role), seen=machines)
def test_wherever_it_was_left_the_job_is_finished_and_nothing_done_twice(role, seen):
    done = []
    while step := next_step(wish(role), seen):
        assert step not in done
        done.append(step)
        seen = DONE[step](seen)


@given(role=st.sampled_from(Role), seen=machines)
def test_what_holds_is_not_done_again(role, seen):
    step = next_step(wish(role), seen)
    while step:
        seen = DONE[step](seen)
        step = next_step(wish(role), seen)
    assert next_step(wish(role), seen) is None


def test_without_a_password_none_is_set():
    seen = BARE
    done = []
    while step := next_step(wish(password=False), seen):
        done.append(step)
        seen = DONE[step](seen)
    assert Step.PASSWORD not in done


def test_the_first_of_the_cluster_has_its_pool_and_network_before_there_is_one():
    order = STEPS[Role.CONTROL]
    assert order.index(Step.CLUSTER) > max(
        order.index(each) for each in (Step.POOL, Step.NETWORK, Step.PROFILE)
    )
    assert order.index(Step.TRUST) > order.index(Step.CLUSTER)  # it shows another certificate


def test_a_member_is_not_asked_to_listen_elsewhere():
    seen = replace(BARE, installed=True)
    seen = server(seen, member="m1", listens="10.0.0.1:9443", pools=("p",), networks=("n",))
    assert next_step(wish(), seen) is Step.PROFILE


def test_a_server_that_answers_and_lacks_what_it_needs_beside_gets_that_first():
    assert next_step(wish(), server(BARE)) is Step.INSTALL


def test_every_step_has_words():
    assert set(TOLD) == set(Step) == set(DONE)


MEMBER = server(BARE, member="m1")


@pytest.mark.parametrize(
    ("asked", "seen", "why"),
    [
        (wish(), replace(BARE, root=False), "run it as root"),
        (wish(name="M 1"), BARE, "cannot be the name"),
        (wish(address="10.9.9.9"), BARE, "no address of this machine; it has 10.0.0.1"),
        (wish(), replace(MEMBER, was=Role.COMPUTE), "there is one control machine"),
        (wish(), server(MEMBER, struck_out=True), "a cluster that has let go of it"),
        (wish(name="m9"), MEMBER, "a member of a cluster already, as 'm1'"),
        (wish(Role.COMPUTE), MEMBER, "a member of another cluster already"),
        (
            wish(Role.COMPUTE),
            replace(BARE, was=Role.CONTROL, serving=True),
            "is a control machine itself",
        ),
        (wish(Role.COMPUTE), server(BARE, instances=3), "3 instances on this machine"),
        (wish(), replace(BARE, taken="10.0.0.1:8779 is in use"), "is in use"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_changed(asked, seen, why):
    assert why in refusal(asked, seen)


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (wish(), BARE),
        (wish(), MEMBER),
        (wish(Role.COMPUTE), replace(MEMBER, was=Role.COMPUTE)),
        (wish(Role.COMPUTE), replace(MEMBER, was=Role.COMPUTE, taken="8778 is in use")),
        (wish(), replace(BARE, serving=True, taken="")),
    ],
)
def test_what_can_be_is_refused_by_nothing(asked, seen):
    assert refusal(asked, seen) == ""


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("10.0.0.1", ""),
        ("fd00::1", ""),
        ("10.0.0", "is no address"),
        ("localhost", "is no address"),
        ("", "is no address"),
        ("127.0.0.1", "do not reach"),
        ("0.0.0.0", "do not reach"),
    ],
)
def test_what_is_typed_as_an_address_is_looked_at(said, wrong):
    assert (wrong in wrong_address(said)) if wrong else wrong_address(said) == ""
