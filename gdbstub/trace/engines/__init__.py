"""Ways to see what a guest does: stop by stop, or by what the hypervisor tells of it while it runs."""
