"""What clusters have: where it is read, what an answer says, and what an event is about."""
