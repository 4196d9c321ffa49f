"""The suite draws the same examples in each run, so that a failure belongs to a change.

To look for new ones: HYPOTHESIS_PROFILE=search pytest …
"""

import gc
import os

from hypothesis import settings

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

gc.set_threshold(200_000, 20, 100)  # as the command has it: a suite, too, is a large heap of which little is garbage
