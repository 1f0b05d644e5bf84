"""Make and remove one of each thing in a project of a cloud, through openstacksdk as released.

    OS_CLIENT_CONFIG_FILE=clouds.yaml <its python> use.py CLOUD ZONE_ID

Says what is done, a line each. Runs in the services' environment (requirements/openstack.lock).
"""

import sys
import time

import openstack
from openstack.exceptions import NotFoundException

PATIENCE_S = 120
STACK = {
    "heat_template_version": "2021-04-16",
    "resources": {
        "net": {"type": "OS::Neutron::Net"},
        "subnet": {
            "type": "OS::Neutron::Subnet",
            "properties": {"network": {"get_resource": "net"}, "cidr": "10.30.0.0/24"},
        },
        "group": {
            "type": "OS::Heat::AutoScalingGroup",
            "properties": {
                "min_size": 1,
                "max_size": 3,
                "desired_capacity": 1,
                "resource": {
                    "type": "OS::Nova::Server",
                    "properties": {
                        "image": "demo-web",
                        "flavor": "tiny",
                        "networks": [{"subnet": {"get_resource": "subnet"}}],
                    },
                },
            },
        },
    },
}


def until(seen, wanted):
    """Wait until it is so; a thing that has failed is not waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while (is_now := seen()) != wanted:
        if "ERROR" in str(is_now).upper() or "FAILED" in str(is_now):
            sys.exit(f"{is_now}, not {wanted}")
        if time.monotonic() > deadline:
            sys.exit(f"still {is_now}, not {wanted}, after {PATIENCE_S} s")
        time.sleep(0.2)


def gone(get, *what):
    def look():
        try:
            return getattr(get(*what), "status", "there").upper() == "DELETE_COMPLETE"
        except NotFoundException:
            return True

    until(look, True)


def a_network(cloud):
    net = cloud.network.create_network(name="inside")
    subnet = cloud.network.create_subnet(network_id=net.id, ip_version=4, cidr="10.20.0.0/24")
    outside = {"network_id": cloud.network.find_network("public").id}
    router = cloud.network.create_router(external_gateway_info=outside)
    cloud.network.add_interface_to_router(router, subnet_id=subnet.id)
    yield net, subnet
    cloud.network.remove_interface_from_router(router, subnet_id=subnet.id)
    cloud.network.delete_router(router)
    cloud.network.delete_network(net)


def a_server(cloud, net):
    kinds = cloud.compute.find_flavor("tiny"), cloud.image.find_image("demo-web")
    port = cloud.network.create_port(network_id=net.id)
    server = cloud.compute.create_server(
        name="one", flavor_id=kinds[0].id, image_id=kinds[1].id, networks=[{"port": port.id}]
    )
    until(lambda: cloud.compute.get_server(server.id).status, "ACTIVE")
    address = cloud.network.create_ip(
        floating_network_id=cloud.network.find_network("public").id, port_id=port.id
    )
    yield cloud.compute.get_server(server.id), port
    cloud.network.delete_ip(address)
    cloud.compute.delete_server(server)
    gone(cloud.compute.get_server, server.id)
    cloud.network.delete_port(port)


def a_snapshot(cloud, server):
    image = cloud.compute.create_server_image(server, name="of-one")
    until(lambda: cloud.image.get_image(image.id).status, "active")
    until(lambda: cloud.compute.get_server(server.id).task_state, None)
    yield image
    cloud.image.delete_image(image)


def a_volume(cloud, server):
    volume = cloud.block_storage.create_volume(name="data", size=1)
    status = lambda: cloud.block_storage.get_volume(volume.id).status  # noqa: E731
    until(status, "available")
    cloud.compute.create_volume_attachment(server, volume_id=volume.id)
    until(status, "in-use")
    yield volume
    cloud.compute.delete_volume_attachment(server, volume.id)
    until(status, "available")
    cloud.block_storage.delete_volume(volume)
    gone(cloud.block_storage.get_volume, volume.id)


def a_balancer(cloud, subnet, port):
    it = cloud.load_balancer
    balancer = it.create_load_balancer(name="front", vip_subnet_id=subnet.id)

    def settled():
        until(lambda: it.get_load_balancer(balancer.id).provisioning_status, "ACTIVE")

    settled()
    listener = it.create_listener(
        load_balancer_id=balancer.id, protocol="HTTP", protocol_port=80, name="http"
    )
    settled()
    pool = it.create_pool(listener_id=listener.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    settled()
    member = port.fixed_ips[0]["ip_address"]
    it.create_member(pool, address=member, protocol_port=80, subnet_id=subnet.id)
    settled()
    vip = cloud.network.get_port(it.get_load_balancer(balancer.id).vip_port_id)
    yield vip
    it.delete_load_balancer(balancer, cascade=True)
    gone(it.get_load_balancer, balancer.id)


def a_name(cloud, zone):
    until(lambda: cloud.dns.get_zone(zone).status, "ACTIVE")
    name = f"www.{cloud.dns.get_zone(zone).name}"
    record = cloud.dns.create_recordset(zone, name=name, type="A", records=["198.18.0.9"])
    until(lambda: cloud.dns.get_recordset(record, zone).status, "ACTIVE")
    yield name
    cloud.dns.delete_recordset(record, zone)
    gone(cloud.dns.get_recordset, record, zone)


def a_stack(cloud):
    stack = cloud.orchestration.create_stack(name="web", template=STACK)
    until(lambda: cloud.orchestration.get_stack(stack.id).status, "CREATE_COMPLETE")
    assert len(list(cloud.compute.servers())) == 2
    yield stack
    cloud.orchestration.delete_stack(stack.id)
    gone(cloud.orchestration.get_stack, stack.id)


def main(name, zone):
    cloud = openstack.connect(cloud=name)
    made = []

    def make(thing):
        made.append(thing)
        given = next(thing)
        print(f"made {thing.__name__}", flush=True)
        return given

    net, subnet = make(a_network(cloud))
    server, port = make(a_server(cloud, net))
    make(a_snapshot(cloud, server))
    make(a_volume(cloud, server))
    make(a_balancer(cloud, subnet, port))
    make(a_name(cloud, zone))
    make(a_stack(cloud))
    for thing in reversed(made):
        next(thing, None)
        print(f"removed {thing.__name__}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
