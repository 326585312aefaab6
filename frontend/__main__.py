"""``python -m frontend``."""

import sys

from dr6 import main

sys.exit(main())
