"""From features to segments."""

from splatseg.cluster.cluster import Clusters as Clusters
from splatseg.cluster.cluster import ClusterSettings as ClusterSettings
from splatseg.cluster.cluster import cluster_splats as cluster_splats
