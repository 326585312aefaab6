"""A page about each cause: when it comes, what it leaves behind, what each hypervisor does to it."""
