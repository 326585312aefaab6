"""What was seen and hardware would not do: one sentence each, with the quirk of the platform if it is a known one."""
