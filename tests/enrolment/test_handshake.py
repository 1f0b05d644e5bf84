"""Two ends: who knows the secret and means the same channel is understood, and nobody else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster.base.handshake import End, Line, Mismatch, Terms, kept_of, key_of, new_terms, opens

QUICK = 1 << 4
CHANNEL = "ab" * 32
few = settings(max_examples=25)  # each takes a thirtieth of a second
secrets = st.text(min_size=1, max_size=40)


def lines(one: str, other: str, channel: str = CHANNEL, seen: str = CHANNEL) -> tuple[Line, Line]:
    """Return the lines of two that know these secrets, and show and see these certificates."""
    terms = Terms(salt="00" * 16, cost=QUICK)
    joins = End(kept_of(key_of(one, terms)), seen, joins=True)
    keeps = End(kept_of(key_of(other, terms)), channel, joins=False)
    return joins.met(keeps.share), keeps.met(joins.share)


@few
@given(secret=secrets, said=st.binary(max_size=200), answered=st.binary(max_size=200))
def test_who_knows_the_secret_is_understood_both_ways(secret, said, answered):
    joins, keeps = lines(secret, secret)
    assert keeps.open(joins.seal(said)) == said
    assert joins.open(keeps.seal(answered)) == answered


@few
@given(one=secrets, other=secrets)
def test_another_secret_opens_nothing(one, other):
    joins, keeps = lines(one, other)
    sealed = joins.seal(b"hello")
    if one.encode() != other.encode():
        with pytest.raises(Mismatch):
            keeps.open(sealed)


def test_another_certificate_in_between_opens_nothing():
    joins, keeps = lines("secret", "secret", seen="cd" * 32)
    with pytest.raises(Mismatch):
        keeps.open(joins.seal(b"hello"))
    with pytest.raises(Mismatch):
        joins.open(keeps.seal(b"hello"))


def test_what_was_sealed_once_is_opened_once():
    joins, keeps = lines("secret", "secret")
    sealed = joins.seal(b"hello")
    keeps.open(sealed)
    with pytest.raises(Mismatch):
        keeps.open(sealed)


def test_what_one_sealed_is_no_answer_to_himself():
    joins, keeps = lines("secret", "secret")
    with pytest.raises(Mismatch):
        joins.open(joins.seal(b"hello"))
    with pytest.raises(Mismatch):
        keeps.open(keeps.seal(b"hello"))


@few
@given(share=st.binary(max_size=40))
def test_nonsense_is_no_share_or_leads_nowhere(share):
    keeps = End("kept", CHANNEL, joins=False)
    try:
        line = keeps.met(share)
    except Mismatch:
        return
    with pytest.raises(Mismatch):
        line.open(b"anything at all, long enough to be sealed")


def test_an_end_takes_no_share_of_its_own_kind():
    keeps, other = (End("kept", CHANNEL, joins=False) for _ in range(2))
    with pytest.raises(Mismatch):
        keeps.met(other.share)


def test_what_is_kept_is_not_the_key_and_shows_it():
    terms = new_terms(QUICK)
    key = key_of("secret", terms)
    kept = kept_of(key)
    assert opens(key, kept)
    assert not opens(bytes.fromhex(kept), kept)


@pytest.mark.parametrize("cost", [0, 3, 8, 2**18, 2**40])
def test_terms_that_would_keep_a_machine_busy_or_cheat_it_are_refused(cost):
    with pytest.raises(Mismatch):
        key_of("secret", Terms(salt="00", cost=cost))
