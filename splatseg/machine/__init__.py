"""The machine under a job: its threads, and the device that it computes on."""
