"""Posed images in: cameras, pictures, sparse points, and the split into training and test views."""

from splatseg.capture.camera import Camera as Camera
from splatseg.capture.camera import centred_lens as centred_lens
from splatseg.capture.camera_path import natural_order as natural_order
from splatseg.capture.camera_path import path_of_views as path_of_views
from splatseg.capture.camera_path import path_through as path_through
from splatseg.capture.camera_path import reframed as reframed
from splatseg.capture.capture import Capture as Capture
from splatseg.capture.capture import View as View
from splatseg.capture.capture import load_cameras as load_cameras
from splatseg.capture.capture import load_capture as load_capture
from splatseg.capture.orbit import Orbit as Orbit
from splatseg.capture.orbit import focus_of as focus_of
from splatseg.capture.orbit import looking_at as looking_at
from splatseg.capture.orbit import orbit_around as orbit_around
from splatseg.capture.orbit import orbit_of as orbit_of
from splatseg.capture.transforms_json import write_transforms as write_transforms
