"""What a run gives: masks, label maps, pictures, objects as files, the table of segments, the page."""
