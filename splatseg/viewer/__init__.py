"""Looking at a scene, selecting in it and naming what is there: what a page in the browser stands on.

The engine (`Scene`, `Workspace`, `picture`, ...) knows of no browser and no server, and works without either.
"""

from splatseg.viewer.exports import export_all_segments as export_all_segments
from splatseg.viewer.exports import export_masks_of_all_views as export_masks_of_all_views
from splatseg.viewer.exports import export_rest as export_rest
from splatseg.viewer.exports import export_selection as export_selection
from splatseg.viewer.exports import frames as frames
from splatseg.viewer.exports import screenshot as screenshot
from splatseg.viewer.home import Pose as Pose
from splatseg.viewer.picture import draft_camera as draft_camera
from splatseg.viewer.picture import picture as picture
from splatseg.viewer.saved import SavedWorkspaces as SavedWorkspaces
from splatseg.viewer.scene import Scene as Scene
from splatseg.viewer.segment_table import SegmentTable as SegmentTable
from splatseg.viewer.workspace import Marker as Marker
from splatseg.viewer.workspace import Workspace as Workspace
