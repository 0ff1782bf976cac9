"""What holds in the unit tier: the same examples in every run, at any speed."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
