"""A page in the browser that shows what the nodes see; it knows nothing of ROS.

`scene` and `vitals` keep the newest of everything, `packing` and `pictures` make what the browser shows,
`stream` hands it to many clients, `server` speaks HTTP and `serving` runs it on a thread.
"""
