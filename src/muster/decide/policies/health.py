"""Health policies: how nodes are found out to be ill, and what is done about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from muster.base.errors import Invalid, Malformed
from muster.base.patterns import fault
from muster.model.cloud import Ability
from muster.model.cluster import Cluster
from muster.model.detection import Cure, Detector, Watch
from muster.model.policy_type import Attached, Floor, PolicyType, Properties, Scene
from muster.model.schema import Schema, Support, boolean, integer, listing, mapping, string

_OPTIONS: Schema = {
    "poll_url": string(
        description=(
            "URL to poll for node status. See documentation for valid expansion"
            " parameters. Only required when type is 'NODE_STATUS_POLL_URL'."
        ),
        default="",
    ),
    "poll_url_conn_error_as_unhealthy": boolean(
        description=(
            "Whether to treat URL connection errors as an indication of an "
            "unhealthy node. Only required when type is 'NODE_STATUS_POLL_URL'."
        ),
        default=True,
    ),
    "poll_url_healthy_response": string(
        description=(
            "String pattern in the poll URL response body that indicates a "
            "healthy node. Required when type is 'NODE_STATUS_POLL_URL'."
        ),
        default="",
    ),
    "poll_url_retry_interval": integer(
        description=(
            "Number of seconds between URL polling retries before a node is "
            "considered down. Required when type is 'NODE_STATUS_POLL_URL'."
        ),
        default=3,
    ),
    "poll_url_retry_limit": integer(
        description=(
            "Number of times to retry URL polling when its return body is "
            "missing POLL_URL_HEALTHY_RESPONSE string before a node is "
            "considered down. Required when type is 'NODE_STATUS_POLL_URL'."
        ),
        default=3,
    ),
    "poll_url_ssl_verify": boolean(
        description=(
            "Whether to verify SSL when calling URL to poll for node status. "
            "Only required when type is 'NODE_STATUS_POLL_URL'."
        ),
        default=True,
    ),
}
_DETECTION_MODES: Schema = {
    "options": mapping(default={}, fields=_OPTIONS),
    "type": string(
        description="Type of node failure detection.",
        required=True,
        allowed=(
            "LIFECYCLE_EVENTS",
            "NODE_STATUS_POLLING",
            "NODE_STATUS_POLL_URL",
            "HYPERVISOR_STATUS_POLLING",
        ),
    ),
}
_DETECTION: Schema = {
    "detection_modes": listing(
        description="List of node failure detection modes.",
        each=mapping(description="Node failure detection mode to try", fields=_DETECTION_MODES),
    ),
    "interval": integer(
        description=(
            "Number of seconds between pollings. Only required when type is "
            "'NODE_STATUS_POLLING' or 'NODE_STATUS_POLL_URL' or "
            "'HYPERVISOR_STATUS_POLLING."
        ),
        default=60,
    ),
    "node_update_timeout": integer(
        description=(
            "Number of seconds since last node update to wait before checking node health."
        ),
        default=300,
    ),
    "recovery_conditional": string(
        description=(
            "The conditional that determines when recovery should be performed "
            "in case multiple detection modes are specified. 'ALL_FAILED' means"
            " that all detection modes have to return failed health checks "
            "before a node is recovered. 'ANY_FAILED' means that a failed "
            "health check with a single detection mode triggers a node "
            "recovery."
        ),
        default="ANY_FAILED",
        allowed=("ALL_FAILED", "ANY_FAILED"),
    ),
}
_ACTIONS: Schema = {
    "name": string(
        description="Name of action to execute.",
        required=True,
        allowed=("REBOOT", "REBUILD", "RECREATE"),
    ),
    "params": mapping(description="Parameters for the action"),
}
_RECOVERY: Schema = {
    "actions": listing(
        description="List of actions to try for node recovery.",
        each=mapping(description="Action to try for node recovery.", fields=_ACTIONS),
    ),
    "fencing": listing(
        description="List of services to be fenced.",
        each=string(description="Service to be fenced.", required=True, allowed=("COMPUTE",)),
    ),
    "node_delete_timeout": integer(
        description=(
            "Number of seconds to wait for node deletion to finish and start "
            "node creation for recreate recovery option. Required when type is "
            "'NODE_STATUS_POLL_URL and recovery action is RECREATE'."
        ),
        default=20,
    ),
    "node_force_recreate": boolean(
        description=(
            "Whether to create node even if node deletion failed. Required when"
            " type is 'NODE_STATUS_POLL_URL' and action recovery action is "
            "RECREATE."
        ),
        default=False,
    ),
}
SCHEMA: Schema = {
    "detection": mapping(
        description="Policy aspect for node failure detection.", required=True, fields=_DETECTION
    ),
    "recovery": mapping(
        description="Policy aspect for node failure recovery.", required=True, fields=_RECOVERY
    ),
}


_POLLING = frozenset(Detector) - {Detector.LIFECYCLE_EVENTS}
_ABILITIES = {Cure.REBUILD: Ability.REBUILD}


def _check(properties: Properties, floor: Floor) -> None:
    if len(properties["recovery"].get("actions", ())) > 1:
        raise Malformed("Only one 'actions' is supported for now.", field="actions")
    detection = properties["detection"]
    modes = _watches(detection)
    kinds = [each.detector for each in modes]
    said = ", ".join(kinds)
    if not (_POLLING.issuperset(kinds) or kinds == [Detector.LIFECYCLE_EVENTS]):
        raise Invalid(f"Invalid detection modes in health policy: {said}", field="detection_modes")
    if len(set(modes)) < len(modes):
        text = f"Duplicate detection modes are not allowed in health policy: {said}"
        raise Invalid(text, field="detection_modes")
    if detection["interval"] < floor.health_interval_s:
        raise Invalid(
            f"Specified interval of {detection['interval']} seconds has to be larger than "
            f"health_check_interval_min of {floor.health_interval_s} seconds set in configuration.",
            field="interval",
        )
    for each in modes:
        _check_address(each)


def _check_address(watch: Watch) -> None:
    if watch.detector is not Detector.NODE_STATUS_POLL_URL:
        return
    if not watch.url.startswith(("http://", "https://")):
        raise Invalid(f"'poll_url' must be an http(s) address, not '{watch.url}'", field="poll_url")
    why = fault(watch.expect)
    if why:
        text = f"'poll_url_healthy_response' is no regular expression that can be used: {why}"
        raise Invalid(text, field="poll_url_healthy_response")


def _watches(detection: Mapping[str, Any]) -> tuple[Watch, ...]:
    return tuple(_watch(each) for each in detection.get("detection_modes", ()))


def _watch(mode: Mapping[str, Any]) -> Watch:
    detector, said = Detector(mode["type"]), mode["options"]
    if detector is not Detector.NODE_STATUS_POLL_URL:
        return Watch(detector=detector)  # the options of others mean nothing
    return Watch(
        detector=detector,
        url=said["poll_url"],
        expect=said["poll_url_healthy_response"],
        refused_is_ill=said["poll_url_conn_error_as_unhealthy"],
        tries=said["poll_url_retry_limit"],
        pause_s=said["poll_url_retry_interval"],
        verify=said["poll_url_ssl_verify"],
    )


def _cure(actions: Sequence[Mapping[str, Any]]) -> tuple[Cure, str]:
    """Return what is done first, and how hard a reboot is."""
    if not actions:
        return Cure.RECREATE, "HARD"
    params = actions[0].get("params") or {}
    return Cure(actions[0]["name"]), str(params.get("type", "HARD")).upper()


def _refusal(properties: Properties, scene: Scene) -> str | None:
    cure, _ = _cure(properties["recovery"].get("actions", ()))
    if cure is not Cure.RECREATE and not scene.profile_type.startswith("os.nova.server"):
        return f"{cure} cannot be the recovery of nodes of type {scene.profile_type}"
    cloud = scene.cloud
    reason = cloud.refusal(_ABILITIES[cure]) if cure in _ABILITIES else None
    if reason:
        return f"The cloud '{cloud.name}' cannot rebuild servers: {reason}"
    reason = cloud.refusal(Ability.FENCING) if _fences(properties) else None
    return f"The cloud '{cloud.name}' cannot fence servers: {reason}" if reason else None


def _fences(properties: Properties) -> bool:
    return "COMPUTE" in properties["recovery"].get("fencing", ())


def _effect(cluster: Cluster, attached: Attached) -> Cluster:
    detection, recovery = attached.properties["detection"], attached.properties["recovery"]
    cure, reboot = _cure(recovery.get("actions", ()))
    healing = replace(
        cluster.healing,
        enabled=True,
        watches=_watches(detection),
        all_failed=detection["recovery_conditional"] == "ALL_FAILED",
        interval_s=detection["interval"],
        grace_s=detection["node_update_timeout"],
        cure=cure,
        reboot=reboot,
        fencing=_fences(attached.properties),
        delete_timeout_s=recovery["node_delete_timeout"],
        force_recreate=recovery["node_force_recreate"],
    )
    return replace(cluster, healing=healing)


def _data(properties: Properties, cluster: Cluster) -> Mapping[str, Any]:
    detection, recovery = properties["detection"], properties["recovery"]
    modes = [
        {"type": each["type"], **each["options"]} for each in detection.get("detection_modes", ())
    ]
    data = {
        "interval": detection["interval"],
        "detection_modes": modes,
        "node_update_timeout": detection["node_update_timeout"],
        "node_delete_timeout": recovery["node_delete_timeout"],
        "node_force_recreate": recovery["node_force_recreate"],
        "recovery_conditional": detection["recovery_conditional"],
    }
    return {"HealthPolicy": {"version": "1.2", "data": data}}


TYPE = PolicyType(
    name="senlin.policy.health",
    support={
        "1.0": (
            Support(status="EXPERIMENTAL", since="2017.02"),
            Support(status="SUPPORTED", since="2018.06"),
        ),
        "1.1": (Support(status="SUPPORTED", since="2018.09"),),
        "1.2": (Support(status="SUPPORTED", since="2020.09"),),
    },
    priority=600,
    profile_types=("os.nova.server-1.0", "os.heat.stack-1.0"),
    schema=SCHEMA,
    governs=frozenset({"healing"}),
    check=_check,
    effect=_effect,
    refusal=_refusal,
    data=_data,
)
