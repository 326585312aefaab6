"""`make bench`: how fast a trace is, beside stock gdb and a bare socket loop on the same guest; and what it costs."""
