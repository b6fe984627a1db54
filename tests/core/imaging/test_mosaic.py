import numpy as np
import pytest

from core.imaging.mosaic import mosaic
from core.imaging.overlay import colour_table


def test_tiles_stand_in_lines_each_over_its_own_range():
    maps = np.stack([np.array([[low, low + 1], [low + 2, low + 4]]) for low in (0, 100, -7)])
    picture = mosaic(maps.astype(np.float32), columns=2, side=10)
    assert picture.shape == (24, 24, 3)
    table = colour_table("viridis")
    for top, left in ((0, 0), (0, 14), (14, 0)):
        assert (picture[top, left] == table[0]).all()
        assert (picture[top + 9, left + 9] == table[255]).all()
        assert (picture[top + 9, left] == table[128]).all()
    assert (picture[20, 20] == picture[0, 11]).all()


def test_flat_maps_and_wide_maps_are_drawn():
    picture = mosaic(np.full((1, 4, 8), 3.0, np.float32), side=12)
    assert picture.shape == (12, 24, 3)
    assert (picture == colour_table("viridis")[0]).all()


def test_no_map_is_refused():
    with pytest.raises(ValueError, match="at least one 2-D map"):
        mosaic(np.zeros((0, 4, 4), np.float32))
