"""Where the client asks for what has a name."""

import pytest

from muster.client.http import ApiError, at


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_lead_elsewhere_is_of_nothing(name: str) -> None:
    with pytest.raises(ApiError, match="nothing can be called") as refused:
        at("clusters", name)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("web", "/v1/clusters/web"),
        ("../flavors", "/v1/clusters/..%2Fflavors"),
        ("a b?c#d", "/v1/clusters/a%20b%3Fc%23d"),
        ("%2e%2e", "/v1/clusters/%252e%252e"),
    ],
)
def test_whatever_is_in_a_name_stays_one_part_of_the_path(name: str, where: str) -> None:
    assert at("clusters", name) == where
