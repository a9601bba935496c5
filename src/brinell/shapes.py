"""What the shape of an input says about what it is."""


def image_like(shape: tuple[int, ...]) -> bool:
    """Whether inputs of this shape can be looked at: (1, H, W), (3, H, W) or (H, W), and no long ribbon."""
    if not (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))):
        return False
    short, long = sorted(shape[-2:])
    return short >= 4 and long <= 8 * short
