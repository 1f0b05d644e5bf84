"""Calls of OpenStack's services: signed in by openstacksdk, each with a deadline, as plain JSON."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from muster.base.errors import DriverError, Invalid, Permanent, Transient
from muster.drivers.openstack.answers import REPEATED, is_missing, refusal
from muster.drivers.openstack.options import Options

CONNECT_S = 5.0
TRIES = 4  # of a call that a service is too busy for
FIRST_REST_S = 0.5  # doubled each time, where the service does not say how long
LONGEST_REST_S = 10.0
# The newest words that are spoken here. All are older than 2020 (Ussuri).
VERSIONS: Mapping[str, str] = {"compute": "2.87", "block-storage": "3.42"}
Answered = tuple[int, Any, float | None]  # status, body, how long to wait before the next
Items = list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    service: str  # compute, network, image, block-storage
    method: str
    path: str
    body: Any = None
    content: IO[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float = 0.0  # 0: as the options say

    @property
    def what(self) -> str:
        return f"{self.method} {self.service}{urlsplit(self.path).path}"


# Note [Threads]
# openstacksdk blocks, and keystoneauth signs in, finds the services and renews tokens inside of a
# call. So calls go to a few threads of their own, no more than may be under way at once: what
# waits for a slow service holds up neither the event loop nor other clouds. A thread cannot be
# ended, so the deadline is the socket's.
#
# Note [Loaded late]
# openstacksdk takes half a second and some 30 MiB. So it is loaded when the first such cloud is
# opened, in a thread, and never by a server that has none.
class Rest:
    """Speaks for one project in one region. See Note [Threads] and Note [Loaded late]."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._threads = ThreadPoolExecutor(options.calls_at_once, thread_name_prefix="openstack")
        self._connection: Any = None
        self._opening = asyncio.Lock()
        self.counts: Counter[str] = Counter()  # calls made, by service, method and kind of thing

    async def open(self) -> None:
        """Read clouds.yaml; nothing is asked yet. Raises `Invalid` where it has no such entry."""
        async with self._opening:
            if self._connection is None:
                self._connection = await self._threaded(lambda: connected(self._options))

    async def close(self) -> None:
        if self._connection is not None:
            await self._threaded(self._connection.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def offers(self, service: str) -> bool:
        """Return whether the catalog has that service. Raises `Transient` where nobody answers."""
        proxy = await self._proxy(service)
        return bool(await self._threaded(lambda: _endpoint(proxy)))

    async def get(self, service: str, path: str, **params: Any) -> Any:
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        return await self.answer(Call(service=service, method="GET", path=f"{path}{query}"))

    async def find(self, service: str, path: str) -> Any:
        """Return what is at a path, None for nothing."""
        try:
            return await self.get(service, path)
        except DriverError as error:
            if is_missing(error):
                return None
            raise

    async def post(self, service: str, path: str, body: Any) -> Any:
        return await self.answer(Call(service=service, method="POST", path=path, body=body))

    async def put(self, service: str, path: str, body: Any = None) -> Any:
        return await self.answer(Call(service=service, method="PUT", path=path, body=body))

    async def delete(self, service: str, path: str) -> None:
        """Delete what is at a path; what is gone is no error."""
        try:
            await self.answer(Call(service=service, method="DELETE", path=path))
        except DriverError as error:
            if not is_missing(error):
                raise

    async def listed(self, service: str, path: str, key: str, **params: Any) -> Items:
        """Return everything of a listing, page by page."""
        return [each async for each in self._pages(service, path, key, params)]

    async def _pages(
        self, service: str, path: str, key: str, params: Mapping[str, Any]
    ) -> AsyncIterator[Mapping[str, Any]]:
        asked = dict(params)
        while True:
            said = await self.get(service, path, **asked)
            for each in said.get(key) or ():
                yield each
            more = further(said, key)
            if not more:
                return
            asked |= more

    async def answer(self, call: Call) -> Any:
        """Return what a call answers, parsed; a service that is too busy is asked again.

        Raises `Transient` or `Permanent`, with the status in its details where there is one.
        """
        for attempt in range(TRIES):
            status, said, wait_s = await self._asked(call)
            if status < 400:
                return said
            if status not in REPEATED or attempt == TRIES - 1:
                raise refusal(status, said, call.what)
            pause = wait_s if wait_s is not None else FIRST_REST_S * 2**attempt
            if pause > LONGEST_REST_S:
                raise refusal(status, said, call.what)
            await asyncio.sleep(pause)
        raise Transient(f"{call.what}: nobody had time")

    async def _asked(self, call: Call) -> Answered:
        proxy = await self._proxy(call.service)
        noun = urlsplit(call.path).path.strip("/").partition("/")[0]
        self.counts[f"{call.service} {call.method} {noun}"] += 1
        limit = call.deadline_s or self._options.deadline_s
        asked: Answered = await self._threaded(lambda: _asked(proxy, call, limit))
        return asked

    async def _proxy(self, service: str) -> Any:
        await self.open()
        return getattr(self._connection, service.replace("-", "_"))

    async def _threaded(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def connected(options: Options) -> Any:
    """Return the connection that clouds.yaml describes. See Note [Loaded late]."""
    from openstack.config import OpenStackConfig
    from openstack.connection import Connection
    from openstack.exceptions import ConfigException

    said: dict[str, Any] = {"region_name": options.region} if options.region else {}
    files = [options.clouds_file] if options.clouds_file else None
    try:
        known = OpenStackConfig(load_envvars=False, app_name="muster", config_files=files)
        if options.entry not in known.get_cloud_names():
            where = options.clouds_file or "clouds.yaml"
            raise Invalid(f"{where} has no entry {options.entry!r}", field="entry")
        region = known.get_one(cloud=options.entry, **said)
    except (ConfigException, OSError) as error:
        raise Invalid(f"clouds.yaml: {error}", field="entry") from None
    return Connection(config=region)


def further(said: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return the parameters of the next page, none where there is none."""
    links = said.get(f"{key}_links") or ()
    found = [str(each["href"]) for each in links if each.get("rel") == "next"]
    if not found and isinstance(said.get("next"), str):  # as Glance says it
        found = [said["next"]]
    if not found and "next" in (said.get("links") or {}):  # as Designate does
        found = [str(said["links"]["next"])]
    return dict(parse_qsl(urlsplit(found[0]).query)) if found else {}


def _asked(proxy: Any, call: Call, limit: float) -> Answered:
    """Make one call, in a thread, and return status, body, and how long it is to be waited."""
    from keystoneauth1 import exceptions as wrong
    from requests.exceptions import RequestException

    extra: dict[str, Any] = {"json": call.body} if call.body is not None else {}
    if call.content is not None:
        extra = {"data": call.content}
    if call.service in VERSIONS:
        extra["microversion"] = VERSIONS[call.service]
    try:
        answer = proxy.request(
            call.path,
            call.method,
            headers=dict(call.headers),
            timeout=(CONNECT_S, limit),
            raise_exc=False,
            connect_retries=0,
            **extra,
        )
    except wrong.EndpointNotFound:
        raise Permanent(f"{call.what}: the catalog has no {call.service} here") from None
    except (wrong.ClientException, RequestException, OSError) as error:
        raise Transient(f"{call.what}: {error}") from None
    return answer.status_code, _body(answer), _rest(answer.headers.get("Retry-After"))


def _endpoint(proxy: Any) -> Any:
    from keystoneauth1 import exceptions as wrong

    try:
        return proxy.get_endpoint()
    except wrong.EndpointNotFound:
        return None
    except wrong.ClientException as error:
        raise Transient(f"{proxy.service_type}: {error}") from None


def _body(answer: Any) -> Any:
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _rest(said: str | None) -> float | None:
    """Return how long a service asks to be left alone; a date is too rare to be read."""
    try:
        return float(said) if said else None
    except ValueError:
        return None
