"""Networks: what an instance can reach, and by which names."""
