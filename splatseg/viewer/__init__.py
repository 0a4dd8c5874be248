"""Looking at a scene, selecting in it and naming what is there: what a page in the browser stands on.

The engine (`Scene`, `Workspace`, `picture`, ...) knows of no browser and no server, and works without either.
"""

from splatseg.viewer.picture import picture as picture
from splatseg.viewer.scene import Pose as Pose
from splatseg.viewer.scene import Scene as Scene
from splatseg.viewer.segment_table import SegmentTable as SegmentTable
from splatseg.viewer.workspace import Marker as Marker
from splatseg.viewer.workspace import Workspace as Workspace
