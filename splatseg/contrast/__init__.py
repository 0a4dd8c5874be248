"""Features from masks by contrastive training: the paper's method (`paper`), and ours on frozen geometry."""
