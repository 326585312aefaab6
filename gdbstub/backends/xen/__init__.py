"""Xen's gdbsx, and the programs in dom0 that know what it does not tell."""
