"""Jobs on clusters of servers, step by step."""
