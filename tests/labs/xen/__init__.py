"""Real Xen in a lab: a hypervisor with gdbsx, a dom0, and guests of our own."""
