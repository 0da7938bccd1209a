"""From a drive that nobody annotated to a better camera network for the car that drove it.

`checks` asks whether the drive can teach anything. `passages` reads it as pairs of instants, with what
LiDAR alone says: `depth` of the pixels that its beams hit, and `evidence` of free and filled cells over
several scans. `teaching` joins that with what the LiDAR network says, and leaves out where the two contradict
each other. `trainer` is the loop of `training` with that for truth, `judging` scores held-out minutes without
a label, and `adaptation` does all of it in turn.
"""
