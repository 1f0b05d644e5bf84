"""Servers: virtual machines, or whatever a cloud runs in their stead."""

from collections.abc import Mapping

from muster.base.errors import Invalid
from muster.model.profile_type import OperationType, ProfileType, Properties
from muster.model.schema import Schema, Support, boolean, integer, listing, mapping, string

_BLOCK_DEVICE_MAPPING_V2: Schema = {
    "boot_index": integer(description="Define the boot order of the device"),
    "delete_on_termination": boolean(
        description="Whether to delete the volume when the server stops."
    ),
    "destination_type": string(
        description="Volume destination type, must be 'volume' or 'local'", required=True
    ),
    "device_name": string(description="Name of the device(e.g. vda, xda, ....)."),
    "device_type": string(description="Type of the device(e.g. disk, cdrom, ...)."),
    "disk_bus": string(description="Bus of the device."),
    "guest_format": string(
        description="Specifies the disk file system format(e.g. swap, ephemeral, ...)."
    ),
    "source_type": string(
        description=("Volume source type, must be one of 'image', 'snapshot', 'volume' or 'blank'"),
        required=True,
    ),
    "uuid": string(description="ID of the source image, snapshot or volume"),
    "volume_size": integer(
        description=("Size of the block device in MB(for swap) and in GB(for other formats)"),
        required=True,
    ),
    "volume_type": string(description="Id or name of volume type."),
}
_NETWORKS: Schema = {
    "fixed_ip": string(description="Fixed IP to be used by the network."),
    "floating_ip": string(description="The floating IP address to be associated with this port."),
    "floating_network": string(description="The network on which to create a floating IP"),
    "network": string(description="Name or ID of network to create a port on."),
    "port": string(description="Port ID to be used by the network."),
    "security_groups": listing(
        description="A list of security groups to be attached to this port.",
        each=string(description="Name of a security group", required=True),
    ),
    "subnet": string(description="Subnet in which to allocate the IP address for this port."),
    "vnic_type": string(description="Define vnic_type to be used by port"),
}
_PERSONALITY: Schema = {
    "contents": string(description="Contents of the file to be injected.", required=True),
    "path": string(description="In-instance path for the file to be injected.", required=True),
}
SCHEMA: Schema = {
    "admin_pass": string(description="Password for the administrator account."),
    "auto_disk_config": boolean(
        description="Whether the disk partition is done automatically.", default=True
    ),
    "availability_zone": string(description="Name of availability zone for running the server."),
    "block_device_mapping_v2": listing(
        description=(
            "A list specifying the properties of block devices to be used for this server."
        ),
        each=mapping(
            description=(
                "A map specifying the properties of a block device to be used by the server."
            ),
            fields=_BLOCK_DEVICE_MAPPING_V2,
        ),
    ),
    "config_drive": boolean(description="Whether config drive should be enabled for the server."),
    "context": mapping(description="Customized security context for operating servers."),
    "flavor": string(
        description="ID of flavor used for the server.", required=True, updatable=True
    ),
    "image": string(description="ID of image to be used for the new server.", updatable=True),
    "key_name": string(description="Name of Nova keypair to be injected to server."),
    "metadata": mapping(
        description=(
            "A collection of key/value pairs to be associated with the server "
            "created. Both key and value must be <=255 chars."
        ),
        updatable=True,
    ),
    "name": string(
        description="Name of the server. When omitted, the node name will be used.", updatable=True
    ),
    "networks": listing(
        description="List of networks for the server.",
        updatable=True,
        each=mapping(
            description="A map specifying the properties of a network for uses.", fields=_NETWORKS
        ),
    ),
    "personality": listing(
        description="List of files to be injected into the server, where each.",
        each=mapping(
            description="A map specifying the path & contents for an injected file.",
            fields=_PERSONALITY,
        ),
    ),
    "scheduler_hints": mapping(
        description=(
            "A collection of key/value pairs to be associated with the "
            "Scheduler hints. Both key and value must be <=255 chars."
        )
    ),
    "security_groups": listing(
        description="List of security groups.",
        each=string(description="Name of a security group", required=True),
    ),
    "user_data": string(description="User data to be exposed by the metadata server."),
}
OPERATIONS: Mapping[str, OperationType] = {
    "change_password": OperationType(
        description="Change the administrator password.",
        parameters={"admin_pass": string(description="New password for the administrator.")},
    ),
    "evacuate": OperationType(
        description="Evacuate the server to a different host.",
        parameters={
            "force": string(description="Whether the evacuation should be a forced one."),
            "host": string(description="The target host to evacuate the server."),
        },
    ),
    "lock": OperationType(description="Lock the server."),
    "pause": OperationType(description="Pause the server from running."),
    "reboot": OperationType(
        description="Reboot the nova server.",
        parameters={
            "type": string(
                description="Type of reboot which can be 'SOFT' or 'HARD'.",
                default="SOFT",
                allowed=("SOFT", "HARD"),
            )
        },
    ),
    "rebuild": OperationType(
        description="Rebuild the server using current image and admin password."
    ),
    "rescue": OperationType(
        description="Rescue the server.",
        parameters={"image_ref": string(description="A string referencing the image to use.")},
    ),
    "resume": OperationType(description="Resume the running of the server."),
    "start": OperationType(description="Start the server."),
    "stop": OperationType(description="Stop the server."),
    "suspend": OperationType(description="Suspend the running of the server."),
    "unlock": OperationType(description="Unlock the server."),
    "unpause": OperationType(description="Unpause the server to running state."),
    "unrescue": OperationType(description="Unrescue the server."),
}


def _check(properties: Properties) -> None:
    for each in properties.get("networks", ()):
        if not (each.get("network") or each.get("port")):
            raise Invalid("One of 'network' and 'port' must be provided", field="networks")
        if each.get("port") and each.get("fixed_ip"):
            text = "The 'port' and 'fixed_ip' of a network exclude each other"
            raise Invalid(text, field="fixed_ip")
        if each.get("floating_ip") and not each.get("floating_network"):
            text = "Must specify a network to create floating IP"
            raise Invalid(text, field="floating_network")


TYPE = ProfileType(
    name="os.nova.server",
    support={
        "1.0": (Support(status="SUPPORTED", since="2016.04"),),
        "1.1": (Support(status="SUPPORTED", since="2023.04"),),
        "1.2": (Support(status="SUPPORTED", since="2023.07"),),
    },
    schema=SCHEMA,
    operations=OPERATIONS,
    check=_check,
)
