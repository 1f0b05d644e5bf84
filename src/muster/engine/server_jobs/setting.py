"""What a server is set to: services, addresses, updates, settings; and as it was before."""

from collections.abc import Mapping
from typing import Any

from muster.base.errors import Permanent, Transient
from muster.decide.secrets import has_masks
from muster.decide.server_clusters.jobs import Came
from muster.engine.server_jobs.scene import OVER, Scene, as_object

_UPDATE = "/os/1.0/system/update"


def _service(scene: Scene) -> str:
    return f"/os/1.0/services/{scene.entry.what}"


async def service_before(scene: Scene) -> Mapping[str, Any]:
    said = await scene.call(_service(scene))
    return {"before": {"config": as_object(as_object(said).get("config"))}}


# Note [What was never seen]
# A server shows its secrets as digests, so what was there before is known here with masks in it.
# It is put back as it was shown: the server knows the secrets of the configuration before its
# present one, and takes no mask for a secret. Where it does not know one, nothing is written.
async def set_service(scene: Scene) -> Came:
    """Set a service to what was asked for, or was there. See Note [What was never seen]."""
    body = dict(scene.entry.body)
    try:
        await scene.call(_service(scene), "PUT", body)
    except Permanent as error:
        if not has_masks(body):
            raise
        text = f"nobody knows the secrets that its {scene.entry.what} had before: {error.text}"
        return Came(refused=text, final=True)
    return OVER


async def addresses_before(scene: Scene) -> Mapping[str, Any]:
    config = as_object(as_object(await scene.call("/1.0")).get("config"))
    return {"before": {name: config.get(name, "") for name in scene.entry.body}}


# Note [Never a part of the settings]
# Incus that is told a part of its settings, one of which it rejects, forgets all that the server
# has for itself, its addresses with them. Told all of them it rejects all. So they are read,
# written whole, and read again.
async def set_settings(scene: Scene) -> Came:
    """Give Incus these settings beside those it has. See Note [Never a part of the settings]."""
    wanted = {name: _word(value) for name, value in scene.entry.body.items()}
    about = as_object(await scene.call("/1.0"))
    config = as_object(about.get("config"))
    if _has(config, wanted):
        return OVER
    kept = {name: value for name, value in {**config, **wanted}.items() if value != ""}
    try:
        await scene.call("/1.0", "PUT", {"config": kept})
    except Permanent as error:
        return Came(refused=error.text, final=True)
    if not _has(as_object(as_object(await scene.call("/1.0")).get("config")), wanted):
        raise Transient("its Incus does not have the settings that it was given")
    return OVER


def _has(config: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(_word(config.get(name, "")) == value for name, value in wanted.items())


def _word(value: Any) -> str:
    """Return a setting as Incus keeps it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


async def channel_before(scene: Scene) -> Mapping[str, Any]:
    said = await scene.found(_UPDATE)
    return {"before": dict(as_object((said or {}).get("config")))}


async def set_channel(scene: Scene) -> Came:
    """Leave a server's updates to its cluster; one that has none is left alone."""
    said = await scene.found(_UPDATE)
    if said is None:
        return OVER
    config = {**as_object(said.get("config")), **scene.entry.body}
    if config != as_object(said.get("config")):
        await scene.call(_UPDATE, "PUT", {"config": config})
    return OVER
