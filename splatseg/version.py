"""The version, from the installed package's metadata."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("splatseg")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+uninstalled"
