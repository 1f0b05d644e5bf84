"""Octavia's network driver where no amphora runs: the VIP is a port of Neutron, the rest is air.

What Neutron does not know the API refuses, as it would with real balancers. The parts that are
air are asked for by the worker alone, which names no context.
"""

from octavia.network import base
from octavia.network.drivers.neutron.allowed_address_pairs import AllowedAddressPairsDriver
from octavia.network.drivers.noop_driver.driver import NoopNetworkDriver


class Driver(NoopNetworkDriver):
    def __init__(self):
        super().__init__()
        self.neutron = AllowedAddressPairsDriver()

    def allocate_vip(self, loadbalancer):
        return self.neutron.allocate_vip(loadbalancer)

    def deallocate_vip(self, vip):
        return self.neutron.deallocate_vip(vip)

    def get_network(self, network_id, context=None):
        try:
            return self.neutron.get_network(network_id, context=context)
        except base.NetworkNotFound:
            return super().get_network(network_id, context=context)

    def get_subnet(self, subnet_id, context=None):
        try:
            return self.neutron.get_subnet(subnet_id, context=context)
        except base.SubnetNotFound:
            if context is not None:
                raise
            return super().get_subnet(subnet_id)

    def get_port(self, port_id, context=None):
        try:
            return self.neutron.get_port(port_id, context=context)
        except base.PortNotFound:
            if context is not None:
                raise
            return super().get_port(port_id)
