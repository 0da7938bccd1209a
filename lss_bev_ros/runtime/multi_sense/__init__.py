"""The multi-sense network at work: cameras, LiDAR and memory in, all answers that are asked for out.

`moment` is what goes in and `answers` what comes out; `engine` runs the network between the two, `memory`
keeps what it remembers, `track` follows the car, and `names` and `weights` tell which network a name means.
"""
