"""Which zones of Nova a server can be ordered for."""

import pytest

from muster.drivers.openstack.grounds import orderable


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["nova"], {"nova"}),
        (["az1", "nova"], {"az1"}),
        (["az1", "az2"], {"az1", "az2"}),
        ([], set()),
    ],
)
def test_the_zone_of_hosts_without_one_counts_only_where_no_other_is(
    there: list[str], found: set[str]
) -> None:
    assert orderable({"zoneName": each} for each in there) == found
