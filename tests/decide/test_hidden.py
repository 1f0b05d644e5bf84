"""Secrets of templates: by name in every document, themselves only in what servers are told."""

from hypothesis import given
from hypothesis import strategies as st

from muster.decide.server_clusters.documents import read, text_faults
from muster.decide.server_clusters.hidden import concealed, in_names, revealed, stand_in

PLAIN = "a: {x}\nb: ['{x}', \"<{x}>\", {{c: {x}}}]\nd: |\n  {x}\n"


@given(st.text(min_size=4))
def test_a_secret_of_any_signs_is_put_in_as_it_is_wherever_it_stands(secret):
    said = read(PLAIN.format(x=stand_in("PW")))
    assert secret == revealed(said, {"PW": secret})["a"]
    wanted = {"a": secret, "b": [secret, f"<{secret}>", {"c": secret}], "d": f"{secret}\n"}
    assert revealed(said, {"PW": secret}) == wanted


def test_what_stands_for_no_secret_stays():
    said = {"a": ["(secret OTHER)", 7, None, True]}
    assert revealed(said, {"PW": "sesame"}) == said


def test_where_somebody_quotes_a_secret_its_name_stands():
    secrets = {"A": "sesame", "B": "sesame seed", "C": 'a"b\nc'}
    told = 'bad: "sesame seed" and sesame, "a\\"b\\nc"'
    shown = 'bad: "(secret B)" and (secret A), "(secret C)"'
    assert concealed(told, secrets) == shown


def test_a_name_is_no_place_for_a_secret():
    assert list(in_names({"a": [{"b(secret PW)": 1}]})) == ["PW"]
    faults = dict(text_faults("", 'config: {"(secret PW)": x}'))
    assert "PW" in faults["application_seed_config"]
