"""What is said of a volume whose node has a server that has not got it."""

from dataclasses import replace
from uuid import UUID

import builders
from muster.model.volume import Volume
from muster.service.volumes import VolumeOf

NODE = builders.a_node(1)
DATA = Volume(
    id=UUID(int=9), ref="v", name="data", project="demo", size_gib=1, host="m2", node_id=NODE.id
)


def test_what_lies_elsewhere_is_said_to_stay_there():
    there = builders.a_node(1, host="m3")
    note = VolumeOf(cloud="site", volume=DATA, former=there).note
    assert note.startswith(f"volume data lies on m2, and {there.name} is on m3 now")


def test_what_lies_where_the_next_server_is_or_everywhere_goes_along():
    near, far = builders.a_node(1, host="m2"), builders.a_node(1, host="m3")
    said = f"it goes to the next server of {near.name}"
    assert VolumeOf(cloud="site", volume=DATA, former=near).note == said
    everywhere = replace(DATA, shared=True)
    assert VolumeOf(cloud="site", volume=everywhere, former=far).note == said


def test_nothing_is_said_of_one_that_its_instance_has():
    assert VolumeOf(cloud="site", volume=DATA, instance=NODE).note == ""
