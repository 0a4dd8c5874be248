"""Version of splatseg, from the metadata of the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("splatseg")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+uninstalled"
