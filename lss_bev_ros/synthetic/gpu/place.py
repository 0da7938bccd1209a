"""Kernel: put what moves where it is at each camera's own instant."""

from __future__ import annotations

from numba import cuda

VIEWS = 7
"""Six cameras, and last the sample's own time, which shadows and LiDAR are drawn at."""


@cuda.jit
def place(
    instances, poses, velocities, ahead, fixed, room,
    model_vertices, model_normals, model_uv, model_material, model_thing,
    vertices, normals, uv, material, thing, owner, body,
):  # fmt: skip
    """Write the triangles of every instance (blocks along x) for every view (blocks along y).

    Row `fixed + (sample * VIEWS + view) * room + place` of the outputs is a moving triangle of a view;
    `body` gets the instance of each of a sample's triangles, (S, room). The other arguments are as in
    `Parcel` and `Mesh`.
    """
    i, view = cuda.blockIdx.x, cuda.blockIdx.y
    sample, first, count, number, at = (
        instances[i, 0], instances[i, 1], instances[i, 2], instances[i, 3], instances[i, 4]
    )  # fmt: skip
    if view < VIEWS - 1 and instances[i, 5] == 0:
        return
    pose = poses[i]
    lead = ahead[sample, view] if view < VIEWS - 1 else ahead[sample, 0] * 0
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        row = fixed + (sample * VIEWS + view) * room + at + k
        source = first + k
        for corner in range(3):
            x = model_vertices[source, corner, 0]
            y = model_vertices[source, corner, 1]
            z = model_vertices[source, corner, 2]
            nx = model_normals[source, corner, 0]
            ny = model_normals[source, corner, 1]
            nz = model_normals[source, corner, 2]
            for axis in range(3):
                a, b, c = pose[3 * axis], pose[3 * axis + 1], pose[3 * axis + 2]
                moved = a * x + b * y + c * z + pose[9 + axis]
                vertices[row, corner, axis] = moved + velocities[i, axis] * lead
                normals[row, corner, axis] = a * nx + b * ny + c * nz
            uv[row, corner, 0] = model_uv[source, corner, 0]
            uv[row, corner, 1] = model_uv[source, corner, 1]
        material[row] = model_material[source]
        thing[row] = model_thing[source]
        owner[row] = number
        if view == VIEWS - 1:
            body[sample, at + k] = i
