"""What dr6's plugin in QEMU's TCG records (transports/dr6-plugin.c): memory that both share → columns."""
