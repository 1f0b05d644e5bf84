"""The clustering API in tests: a caller who speaks a microversion, and what he needs at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from muster.model.action import Action
from muster.model.catalog import Flavor
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.policy import Policy
from muster.model.profile import Profile, ServerSpec
from muster.ports.store import Query, Transaction
from office import PEOPLE, Office

TINY = Flavor(id=UUID(int=1), name="tiny", vcpus=1, memory_mib=64)
SERVER = "os.nova.server-1.0"


@dataclass
class Caller:
    """Somebody who calls the clustering API of an office."""

    office: Office
    who: str = "ann"
    version: str = "1.14"

    async def ask(
        self, method: str, path: str, body: Any = None, version: str | None = None
    ) -> Any:
        headers = {"x-name": self.who}
        if spoken := self.version if version is None else version:
            headers["OpenStack-API-Version"] = f"clustering {spoken}"
        client = self.office.clients["all"]
        return await client.request(method, f"/v1{path}", json=body, headers=headers)

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refusal(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return status, type and message of an answer that is an error."""
        answer = await self.ask(method, path, body, **more)
        error = answer.json()["error"]
        return answer.status_code, error["type"], error["message"]

    async def accepted(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return the action that an answer of 202 names."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == 202, answer.text
        return await self.action(answer.headers["location"].rpartition("/")[2])

    async def done(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return the action of an answer of 202, once the engine has ended it."""
        action = await self.accepted(method, path, body)
        await self.office.go_on()
        return await self.action(action["id"])

    async def action(self, id: str) -> dict[str, Any]:
        shown: dict[str, Any] = (await self.get(f"/actions/{id}"))["action"]
        return shown

    async def act(self, cluster: Mapping[str, Any], **said: Any) -> dict[str, Any]:
        return await self.done("POST", f"/clusters/{cluster['id']}/actions", said)

    async def cluster(self, profile: Profile, **said: Any) -> dict[str, Any]:
        """Create a cluster, have it brought about, and return it as shown."""
        body = {"cluster": {"name": "c1", "profile_id": str(profile.id), **said}}
        answer = await self.ask("POST", "/clusters", body)
        assert answer.status_code == 202, answer.text
        await self.office.go_on()
        return await self.again(answer.json())

    async def again(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return a cluster as it is shown now."""
        id = shown.get("cluster", shown)["id"]
        found: dict[str, Any] = (await self.get(f"/clusters/{id}"))["cluster"]
        return found

    async def node(self, profile: Profile, **said: Any) -> dict[str, Any]:
        """Create a node, have it brought about, and return it as shown."""
        body = {"node": {"name": "n1", "profile_id": str(profile.id), **said}}
        answer = await self.ask("POST", "/nodes", body)
        assert answer.status_code == 202, answer.text
        await self.office.go_on()
        return await self.node_again(answer.json()["node"])

    async def node_again(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/nodes/{shown['id']}"))["node"]
        return found

    async def nodes(self, cluster: Mapping[str, Any]) -> list[dict[str, Any]]:
        path = f"/nodes?cluster_id={cluster['id']}&sort=index"
        found: list[dict[str, Any]] = (await self.get(path))["nodes"]
        return found

    async def profile(self, name: str = "p1", type: str = SERVER, **metadata: str) -> Profile:
        """Write down a profile as its own routes would."""
        who = PEOPLE[self.who]
        profile = Profile(
            id=uuid4(),
            project=who.project,
            user=who.user,
            name=name,
            type=type,
            spec={"type": type.rpartition("-")[0], "version": "1.0", "properties": {}},
            server=ServerSpec(
                image="demo-web", image_name="demo-web", flavor=TINY, metadata=metadata
            ),
            kept=True,
            created_at=self.office.clock.now(),
        )
        await self.office.desk.store.write(lambda tx: tx.profiles.put(profile))
        return profile

    async def policy(self, type: str, name: str = "", **properties: Any) -> Policy:
        """Write down a policy as its own routes would."""
        who = PEOPLE[self.who]
        kind, _, version = type.rpartition("-")
        policy = Policy(
            id=uuid4(),
            project=who.project,
            user=who.user,
            name=name or kind,
            type=f"senlin.policy.{type}",
            spec={"type": f"senlin.policy.{kind}", "version": version, "properties": properties},
            created_at=self.office.clock.now(),
        )
        await self.office.desk.store.write(lambda tx: tx.policies.put(policy))
        return policy

    async def attach(self, cluster: Mapping[str, Any], policy: Policy, **more: Any) -> Any:
        return await self.act(cluster, policy_attach={"policy_id": str(policy.id), **more})

    async def stored_node(self, id: str) -> Node | None:
        return await self.office.desk.store.read(lambda tx: tx.nodes.get(UUID(id)))

    async def solo(self, id: str) -> Cluster | None:
        return await self.office.desk.store.read(lambda tx: tx.solos.get(UUID(id)))

    async def actions(self, **where: Any) -> list[Action]:
        def work(tx: Transaction) -> list[Action]:
            return tx.actions.find(Query(where={name: (each,) for name, each in where.items()}))

        return await self.office.desk.store.read(work)
