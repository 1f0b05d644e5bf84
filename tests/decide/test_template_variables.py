"""What variables of templates take, and what is wrong with what they say of themselves."""

import pytest

from drivers.pem.made import CERTIFICATE, KEY
from muster.decide.server_clusters.variables import TYPES, faults, misfit
from muster.model.machine_template import Variable

FITS = {
    "": ("", "x"),
    "string": ("", "x"),
    "int": ("0", "-7", "42"),
    "number": ("4.5", "-1e3"),
    "bool": ("true", "false"),
    "ip": ("10.0.0.1", "fd00::1"),
    "cidr": ("10.0.0.1/24", "fd00::/64"),
    "url": ("https://a.example/x", "tcp://10.0.0.1:80"),
    "pem": (CERTIFICATE, KEY),
    "enum": ("a", "b"),
    "secret": ("sesame", 'a b:\n"c"'),
}
MISFITS = {
    "int": ("", "4.5", "--1", "1_0", "x", "²"),
    "number": ("", "x", "nan", "inf"),
    "bool": ("yes", "True", ""),
    "ip": ("10.0.0.1/24", "host", ""),
    "cidr": ("10.0.0.1", "10.0.0.1/33"),
    "url": ("host", "https://", "http://[", "https://a b"),
    "pem": ("x", "-----BEGIN X-----"),
    "enum": ("c", ""),
    "secret": ("", "abc"),
}


def a_variable(type, **but):
    return Variable(type=type, choices=("a", "b") if type == "enum" else (), **but)


def test_every_type_is_tried_here():
    assert set(FITS) == set(TYPES)
    assert set(MISFITS) == set(TYPES) - {"", "string"}


@pytest.mark.parametrize(("type", "value"), [(t, v) for t, each in FITS.items() for v in each])
def test_a_value_of_the_type_fits(type, value):
    assert misfit(a_variable(type), value) == ""


@pytest.mark.parametrize(("type", "value"), [(t, v) for t, each in MISFITS.items() for v in each])
def test_any_other_is_told_what_it_must_be(type, value):
    assert misfit(a_variable(type), value).startswith("must be ")


def test_a_pattern_is_of_the_whole_value_and_limits_are_of_numbers():
    assert misfit(Variable(pattern="m[0-9]"), "m1") == ""
    assert "m[0-9]" in misfit(Variable(pattern="m[0-9]"), "m12")
    assert "m[0-9]" in misfit(Variable(pattern="m[0-9]|x"), "am1")
    limited = Variable(type="int", min=1, max=9)
    assert [misfit(limited, each) for each in ("0", "1", "9", "10")] == [
        "must be at least 1",
        "",
        "",
        "must be at most 9",
    ]


@pytest.mark.parametrize(
    ("variable", "word"),
    [
        (Variable(type="colour"), "colour"),
        (Variable(type="enum"), "choices"),
        (Variable(choices=("a",)), "choices"),
        (Variable(pattern="("), "pattern"),
        (Variable(min=1), "min or max"),
        (Variable(type="int", default="x"), "default"),
        (Variable(type="enum", choices=("a",), default="b"), "default"),
        (Variable(type="int", min=5, default="4"), "at least 5"),
        (Variable(type="secret", default="sesame"), "everybody would be shown"),
        (Variable(type="secret", choices=("sesame",)), "choices"),
    ],
)
def test_what_is_wrong_with_a_variable_is_told(variable, word):
    assert word in " ".join(faults(variable))


def test_nothing_is_wrong_with_one_that_says_little_or_fits():
    for each in (Variable(), Variable(type="int", min=1, max=9, default="5")):
        assert list(faults(each)) == []
