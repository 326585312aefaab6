"""One guest: making it go, reading it where it stops, its breakpoints, and what is concluded of each stop."""
