"""OpenStack, over openstacksdk: servers, ports, images, volumes, quotas of one project and region."""
