"""OpenStack, over openstacksdk: servers, ports, images and volumes of one project."""
