"""Films: frames in, AV1 or H.264, animated pictures or a folder out."""
