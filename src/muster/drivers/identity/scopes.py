"""Projects of who has a token of Keystone, and tokens for another of them."""

from collections.abc import Mapping
from typing import Any

import httpx2

from muster.base.errors import Forbidden, Transient, Unknown
from muster.drivers.identity.access import Access
from muster.drivers.identity.keystone import DEADLINE_S, trust

_PATIENCE = httpx2.Timeout(DEADLINE_S)


class KeystoneScopes:
    """Asks with the holder's own token: what Muster may itself plays no part."""

    def __init__(self, access: Access, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._url = access.url
        verify = trust(access) if transport is None else True
        self._http = httpx2.AsyncClient(timeout=_PATIENCE, transport=transport, verify=verify)

    async def close(self) -> None:
        await self._http.aclose()

    async def projects(self, token: str) -> Mapping[str, str]:
        answer = await self._asked("GET", "/auth/projects", token)
        if answer.status_code == 401:
            raise Unknown("Keystone knows this token no more; sign in with another")
        if answer.status_code != 200:
            raise Transient(self._down(f"it answered {answer.status_code}"))
        try:
            found = answer.json()["projects"]
            return {str(each["id"]): str(each["name"]) for each in found if each["enabled"]}
        except (ValueError, KeyError, TypeError):
            raise Transient(self._down("its answer is not Keystone's")) from None

    async def scoped(self, token: str, project: str) -> str:
        scope = {"project": {"id": project}}
        identity = {"methods": ["token"], "token": {"id": token}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer = await self._asked("POST", "/auth/tokens?nocatalog", token, body)
        if answer.status_code == 401:
            raise Forbidden(f"Keystone gives no token for project '{project}'")
        if answer.status_code == 403:
            raise Forbidden("this Keystone lets no token become one for another project")
        made = str(answer.headers.get("x-subject-token", ""))
        if answer.status_code != 201 or not made:
            raise Transient(self._down(f"it answered {answer.status_code}"))
        return made

    async def _asked(self, method: str, path: str, token: str, body: Any = None) -> httpx2.Response:
        headers = {"X-Auth-Token": token} if method == "GET" else {}
        try:
            return await self._http.request(method, self._url + path, json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise Transient(self._down(str(error) or "no answer")) from None

    def _down(self, why: str) -> str:
        return f"Keystone at {self._url} cannot be asked for projects: {why}"
