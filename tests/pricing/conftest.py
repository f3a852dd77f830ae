"""Property tests here have no deadline: the first example loads the price files, on a busy machine."""

from hypothesis import settings

settings.register_profile("pricing", deadline=None)
settings.load_profile("pricing")
