"""Nova's own fake driver, made one that can be restarted and whose snapshots are there.

As released its node has another identity in each process, so that a nova-compute which died
cannot come back; it forgets its instances; and images of it stay queued for ever.
"""

import io

from nova import context as nova_context
from nova import objects
from nova.compute import power_state, vm_states
from nova.image import glance
from nova.virt import fake, node

_NOT_THERE = (vm_states.BUILDING, vm_states.ERROR)


class Driver(fake.FakeDriver):
    vcpus = 64
    memory_mb = 262144
    local_gb = 4000

    def init_host(self, host):
        super().init_host(host)
        for each in objects.InstanceList.get_by_host(nova_context.get_admin_context(), host):
            if each.deleted or each.vm_state in _NOT_THERE:
                continue
            stopped = each.vm_state == vm_states.STOPPED
            state = power_state.SHUTDOWN if stopped else power_state.RUNNING
            self.instances[each.uuid] = fake.FakeInstance(each.name, state, each.uuid)
            size = each.flavor
            self.resources.claim(size.vcpus, size.memory_mb, size.root_gb)

    def get_nodenames_by_uuid(self, refresh=False):
        return {node.get_local_node_uuid(): self.get_available_nodes()[0]}

    def get_available_resource(self, nodename):
        return {**super().get_available_resource(nodename), "uuid": node.get_local_node_uuid()}

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        images = glance.API()
        described = {
            "name": images.get(context, image_id)["name"],
            "disk_format": "raw",  # Glance looks into what it is given
            "container_format": "bare",
            "status": "active",
            "properties": {
                "image_location": "snapshot",
                "image_state": "available",
                "owner_id": instance.project_id,
            },
        }
        bytes_ = io.BytesIO(f"what was on {instance.uuid}".encode())
        images.update(context, image_id, described, bytes_, purge_props=False)
