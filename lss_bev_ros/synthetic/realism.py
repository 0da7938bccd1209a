"""What makes a synthetic street look like a photographed one: each ingredient is an option of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

Range = tuple[float, float]


@dataclass(frozen=True)
class ResponseRanges:
    """What cameras differ in, drawn uniformly; lengths in pixels of a 1600 x 900 picture.

    Attributes:
        chance: probability that the cameras of a car have a response at all.
        exposure: stops.
        warmth: red over blue, log2.
        tint: green over magenta, log2.
        alike: share of exposure and colour that the cameras of one car have in common.
        blur: standard deviation of a lens out of focus.
        motion: length of the way that things are smeared along, horizontally for the most part.
        shot: noise of a white pixel, as a share of it.
        read: noise of a black pixel, as a share of white.
        mosaic: probability of a colour mosaic.
        gamma: of the tone curve over the film curve that pictures are drawn with.
        contrast: of an S over the tone curve, -1 to 1.
        black: value that black has, 0 to 1.
        saturation: factor.
        sharpening: amount of an unsharp mask.
        vignette: share of the light that the corners lose.
        glare: share of the light that is scattered all over the picture.
        bloom: share of what is brighter than the sensor holds, sun and lamps, that is scattered around it.
        flare: share of it that the lens mirrors to the other side of the picture's middle.
        quality: of JPEG, 1 to 100.
        readout: seconds from the first row to the last, common to a car's cameras; 0 for a global shutter.
    """

    chance: float = 0.0
    exposure: Range = (-0.9, 0.9)
    warmth: Range = (-0.35, 0.35)
    tint: Range = (-0.12, 0.12)
    alike: float = 0.75
    blur: Range = (0.0, 1.6)
    motion: Range = (0.0, 7.0)
    shot: Range = (0.0, 0.06)
    read: Range = (0.0, 0.015)
    mosaic: float = 0.8
    gamma: Range = (0.75, 1.3)
    contrast: Range = (-0.35, 0.6)
    black: Range = (0.0, 0.06)
    saturation: Range = (0.45, 1.35)
    sharpening: Range = (0.0, 1.4)
    vignette: Range = (0.0, 0.35)
    glare: Range = (0.0, 0.12)
    bloom: Range = (0.0, 0.5)
    flare: Range = (0.0, 0.25)
    quality: Range = (55.0, 96.0)
    readout: Range = (0.0, 0.0)


@dataclass(frozen=True)
class WeatherRanges:
    """How often, and how much.

    Attributes:
        wet: probability of a wet road.
        wetness: of a wet road, 0 to 1.
        dirty: probability that paint is dirty.
        dirt: of dirty paint, 0 to 1.
        dark: probability of dusk or night.
        darkness: what is left of the sky's light then, log10.
    """

    wet: float = 0.0
    wetness: Range = (0.25, 1.0)
    dirty: float = 0.0
    dirt: Range = (0.1, 0.8)
    dark: float = 0.0
    darkness: Range = (-1.7, -0.4)


@dataclass(frozen=True)
class CrowdRanges:
    """How full a street is.

    Attributes:
        chance: probability that a world is crowded at all.
        parked: share of parking places that are taken.
        traffic: moving vehicles on 100 m of lane.
        parks: share of the blocks that are car parks instead of houses.
        filled: share of a car park's stalls that are taken.
        large: share of large vehicles (trucks, buses, trailers, of building sites) in car parks.
    """

    chance: float = 0.0
    parked: Range = (0.2, 0.9)
    traffic: Range = (1.0, 3.4)
    parks: Range = (0.0, 0.3)
    filled: Range = (0.15, 0.8)
    large: Range = (0.0, 0.12)


@dataclass(frozen=True)
class RigRanges:
    """What the cars of other makers differ in.

    Attributes:
        chance: probability of such a rig; otherwise it is nuScenes'.
        cameras: least and greatest number.
        height: of the cameras over the ground, metres, common to all of a car.
        spread: of single cameras about it, metres.
        view: horizontal angle that a camera sees, degrees.
        pitch: of all cameras, degrees; 0 looks level, positive down.
        roll: of single cameras, degrees either way.
        turn: of single cameras away from where they are evenly spread, degrees either way.
        lidar: height of the LiDAR, metres.
    """

    chance: float = 0.0
    cameras: tuple[int, int] = (4, 8)
    height: Range = (1.0, 2.2)
    spread: float = 0.12
    view: Range = (55.0, 115.0)
    pitch: Range = (-2.0, 9.0)
    roll: float = 1.2
    turn: float = 9.0
    lidar: Range = (1.65, 2.3)


@dataclass(frozen=True)
class SlopeRanges:
    """How uneven the ground is.

    Attributes:
        chance: probability that it is not level.
        grade: gradient of the steepest place of its hills, 0.05 for 5 %.
        uneven: of what the ground has settled by, in waves of 30 to 60 m.
    """

    chance: float = 0.0
    grade: Range = (0.01, 0.07)
    uneven: Range = (0.0, 0.012)


@dataclass(frozen=True)
class Realism:
    """The ingredients; by default all are off, and worlds are drawn as if there were none.

    Those marked * need `Assets`, and do nothing without.

    Attributes:
        response: lens, sensor and file of the cameras.
        weather: wet roads, dirt, dusk and night.
        crowd: traffic as dense and as mixed as in recorded streets.
        rigs: other cars' cameras.
        slopes: ground that is not level.
        sky: * probability of a photographed sky and its light.
        models: * share of vehicles that have a model's shape instead of a drawn one.
        buildings: * share of houses that have a model's shape.
        surfaces: * probability that road, pavement or grass, each, is a photograph.
    """

    response: ResponseRanges = field(default_factory=ResponseRanges)
    weather: WeatherRanges = field(default_factory=WeatherRanges)
    crowd: CrowdRanges = field(default_factory=CrowdRanges)
    rigs: RigRanges = field(default_factory=RigRanges)
    slopes: SlopeRanges = field(default_factory=SlopeRanges)
    sky: float = 0.0
    models: float = 0.0
    buildings: float = 0.0
    surfaces: float = 0.0

    @property
    def on(self) -> bool:
        """Whether there is anything of it."""
        return self != Realism()


REALISTIC = Realism(
    response=ResponseRanges(chance=0.9, readout=(0.0, 0.033)),
    weather=WeatherRanges(wet=0.25, dirty=0.5, dark=0.12),
    crowd=CrowdRanges(chance=0.75),
    rigs=RigRanges(chance=0.5),
    slopes=SlopeRanges(chance=0.6),
    sky=0.6,
    models=0.6,
    buildings=0.5,
    surfaces=0.6,
)
"""All of it, as training worlds have it that are to carry over to recorded streets."""
