"""Posed images in: cameras, pictures, sparse points, and the split into training and test views."""

from splatseg.capture.camera import Camera as Camera
from splatseg.capture.capture import Capture as Capture
from splatseg.capture.capture import View as View
from splatseg.capture.capture import load_cameras as load_cameras
from splatseg.capture.capture import load_capture as load_capture
