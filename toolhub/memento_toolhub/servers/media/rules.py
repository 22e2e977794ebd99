"""Taking the lines of a table out of its picture: OCR takes boxed cells for drawings and leaves them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Mask = npt.NDArray[np.bool_]

_DARK = 160
_OF_A_SIDE = 12  # a line is at least this part of the longer side
_MOST = 0.1  # of all pixels; where it is more, they are no lines but dark ground


def without_rules(image: Image.Image) -> Image.Image | None:
    """The picture without its lines; None where it has no lines in both directions.

    Args:
        image: grey.
    """
    import numpy as np
    from PIL import Image

    grey = np.array(image)
    dark, length = grey < _DARK, max(grey.shape) // _OF_A_SIDE
    lines = (_runs(dark, length), _runs(dark.T, length).T)
    if not all(0 < line.mean() < _MOST for line in lines):
        return None
    grey[lines[0] | lines[1]] = 255
    return Image.fromarray(grey)


def _runs(dark: Mask, length: int) -> Mask:
    """The dark pixels of each row that stand in a run of some length or more."""
    import numpy as np

    found = np.zeros_like(dark)
    for at, row in enumerate(dark):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
        runs = edges.reshape(-1, 2)
        for begin, end in runs[runs[:, 1] - runs[:, 0] >= length]:
            found[at, begin:end] = True
    return found
