"""The surface of enrolment: ways in on the API, and the door on an address of its own."""
