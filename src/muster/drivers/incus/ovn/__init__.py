"""OVN networks of Incus: what is balanced on them, and how what is hidden in them is reached."""
