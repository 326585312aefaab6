"""Real hypervisors on a machine without hardware support for them: `make labs`. What each is: docs/labs.md."""
