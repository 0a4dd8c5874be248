"""`splatseg batch`: reads the list of scenes, checks every command line in it, and does all of them."""
