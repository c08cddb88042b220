"""``python -m reprise_guest`` is ``reprise-guest``."""

import sys

from .build import main

sys.exit(main())
