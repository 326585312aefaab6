"""What all of this has in common, whether pytest, the benchmarks, the labs or the faults begin it."""

import os
import sys

# Where this forbids bytecode to be kept, each dr6 that is started would compile all of itself anew: half of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
