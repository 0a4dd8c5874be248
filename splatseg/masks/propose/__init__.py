"""Making masks from photographs: by a model of the SAM families, or by any other generator."""
