"""QEMU: which one it is, and its monitor."""
