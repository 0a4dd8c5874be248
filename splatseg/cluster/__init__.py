"""From features to segments."""

from splatseg.cluster.cluster import Clusters as Clusters
from splatseg.cluster.cluster import ClusterSettings as ClusterSettings
from splatseg.cluster.cluster import cluster_splats as cluster_splats
from splatseg.cluster.cluster import segments_of as segments_of
from splatseg.cluster.hierarchy import Hierarchy as Hierarchy
from splatseg.cluster.hierarchy_file import read_hierarchy as read_hierarchy
from splatseg.cluster.hierarchy_file import write_hierarchy as write_hierarchy
from splatseg.cluster.identity import carried_over as carried_over
from splatseg.cluster.tidy import spatial_components as spatial_components
from splatseg.cluster.tidy import touching_gaussians as touching_gaussians
from splatseg.cluster.touching import touching_segments as touching_segments
