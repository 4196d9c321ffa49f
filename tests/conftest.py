"""The suite draws the same examples in each run, so that a failure belongs to a change.

To look for new ones: HYPOTHESIS_PROFILE=search pytest …
"""

import os

from hypothesis import settings

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
