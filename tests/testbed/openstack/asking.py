"""What an administrator asks the services of a cloud, past any client library."""

from functools import cached_property
from typing import Any

import httpx2

from testbed.openstack import catalog
from testbed.openstack.place import Place

_PATHS = {"nova": "/v2.1", "cinder": "/v3", "heat": "/v1"}
_VERSIONS = {
    "nova": {"OpenStack-API-Version": "compute 2.90"},
    "cinder": {"OpenStack-API-Version": "volume 3.60"},
    "placement": {"OpenStack-API-Version": "placement 1.36"},
    "designate": {"X-Auth-All-Projects": "true"},
}


class Asking:
    """Requests with an administrator's token."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.keystone = catalog.identity(place)

    @cached_property
    def admin(self) -> str:
        """The id of the administrator's project."""
        return str(self.keystone.call("GET", "/projects?name=admin")["projects"][0]["id"])

    @cached_property
    def _token(self) -> str:
        return self.keystone.token("admin", "admin")

    def call(
        self, service: str, method: str, path: str, body: object = None, project: str = ""
    ) -> Any:
        """Return what a service answers; raises where it refuses.

        Designate does it for the project of that id.
        """
        headers = {"X-Auth-Token": self._token, **_VERSIONS.get(service, {})}
        if project:
            headers["X-Auth-Sudo-Project-ID"] = project
            headers.pop("X-Auth-All-Projects", None)
        answer = httpx2.request(
            method,
            f"{self.place.url(service)}{_PATHS.get(service, '')}{path}",
            json=body,
            headers=headers,
            timeout=180,
        )
        if not answer.is_success:
            why = f"{method} {path}: {answer.status_code} {answer.text}"
            raise httpx2.HTTPStatusError(why, request=answer.request, response=answer)
        return answer.json() if answer.content else None

    def upload(self, path: str, content: bytes) -> None:
        headers = {"X-Auth-Token": self._token, "Content-Type": "application/octet-stream"}
        url = f"{self.place.url('glance')}{path}"
        answer = httpx2.put(url, content=content, headers=headers, timeout=180)
        assert answer.is_success, answer.text
