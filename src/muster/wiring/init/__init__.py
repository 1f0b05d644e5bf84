"""`muster init`: from a bare machine to a control machine or a member."""
