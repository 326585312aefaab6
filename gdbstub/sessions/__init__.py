"""One guest, several participants: who controls it, and who has it now."""
