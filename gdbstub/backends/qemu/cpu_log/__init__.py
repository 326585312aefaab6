"""QEMU's ``log cpu,int,in_asm`` with one instruction a block: text → columns."""
