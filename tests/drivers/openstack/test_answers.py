"""What an answer of OpenStack that says no means."""

from typing import Any

import pytest

from muster.base.errors import Permanent, Transient
from muster.drivers.openstack.answers import is_turned_down, refusal, words
from muster.drivers.openstack.rest import further


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"badRequest": {"code": 400, "message": "Bad flavor"}}, "Bad flavor"),
        ({"NeutronError": {"type": "X", "message": "No more IPs", "detail": ""}}, "No more IPs"),
        ({"error": {"code": 401, "message": "Who?", "title": "Unauthorized"}}, "Who?"),
        ({"faultcode": "Client", "faultstring": "Immutable"}, "Immutable"),
        ("<html>away</html>", "<html>away</html>"),
        ({}, ""),
    ],
)
def test_each_service_says_in_its_own_way_what_is_wrong(body: Any, text: str) -> None:
    assert words(body) == text


@pytest.mark.parametrize("status", [401, 408, 409, 413, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    error = refusal(status, {}, "GET compute/servers")
    assert isinstance(error, Transient)
    assert error.details["status"] == status


@pytest.mark.parametrize("status", [400, 404, 405])
def test_what_is_wrong_with_the_order_is_final(status: int) -> None:
    assert isinstance(refusal(status, {}, "GET compute/servers"), Permanent)


def test_a_quota_used_up_passes_and_a_role_that_may_not_does_not() -> None:
    full = {"forbidden": {"code": 403, "message": "Quota exceeded for instances: Requested 1"}}
    denied = {"forbidden": {"message": "Policy doesn't allow os_compute_api:servers to be used."}}
    assert isinstance(refusal(403, full, "POST compute/servers"), Transient)
    assert isinstance(refusal(403, denied, "POST compute/servers"), Permanent)


def test_the_next_page_is_where_the_services_say() -> None:
    nova = {"servers_links": [{"rel": "next", "href": "http://n/servers?limit=2&marker=b&tags=x"}]}
    assert further(nova, "servers") == {"limit": "2", "marker": "b", "tags": "x"}
    assert further({"next": "/v2/images?marker=c"}, "images") == {"marker": "c"}
    assert further({"servers": []}, "servers") == {}


@pytest.mark.parametrize(
    ("status", "none"),
    [(400, True), (403, True), (404, True), (409, False), (500, False), (502, False), (504, False)],
)
def test_what_failed_inside_or_on_the_way_may_have_been_obeyed(status: int, none: bool) -> None:
    assert is_turned_down(refusal(status, {}, "POST compute/servers")) is none


def test_what_was_not_answered_may_have_been_obeyed() -> None:
    assert not is_turned_down(Transient("POST compute/servers: timed out"))
