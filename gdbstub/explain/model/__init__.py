"""What hardware does at one instruction, from the vCPU's state in front of it. No word of platforms in here."""
