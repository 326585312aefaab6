"""What accounts for a stop: rules, one file for each phase in which `explain` asks them."""
