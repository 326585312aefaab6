"""``python -m frontend``."""

import sys

from frontend.cli.parser import main

sys.exit(main())
