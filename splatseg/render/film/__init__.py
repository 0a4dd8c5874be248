"""Films: frames in; AV1, H.264, an animated picture or a folder of pictures out."""
