"""What the CPU has: registers, debug registers, vectors and frames, instructions. No I/O."""
