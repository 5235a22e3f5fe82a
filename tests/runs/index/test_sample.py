import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from osrmac.runs.index.sample import draw_sample


@settings(max_examples=40)
@given(rows=st.lists(st.integers(0, 30), min_size=1, max_size=40).filter(sum), share=st.floats(0.01, 1))
def test_images_are_drawn_once_each(rows: list[int], share: float) -> None:
    size = max(1, int(share * sum(rows)))
    drawn = draw_sample(rows, size, seed=0)
    assert sum(map(len, drawn.values())) == size
    assert list(drawn) == sorted(drawn)
    for shard, positions in drawn.items():
        assert len(positions)
        assert (np.diff(positions) > 0).all()
        assert 0 <= positions[0] <= positions[-1] < rows[shard]


def test_a_small_sample_is_of_some_shards_with_several_times_as_many_images() -> None:
    drawn = draw_sample([100] * 1000, 1000, seed=0)
    assert len(drawn) == 40
    assert {len(rows) for rows in drawn.values()} != {25}


def test_the_sample_depends_on_the_seed_alone() -> None:
    rows = [50, 3, 0, 70, 12]
    first, again, other = (draw_sample(rows, 20, seed) for seed in (1, 1, 2))
    assert {shard: list(drawn) for shard, drawn in first.items()} == {s: list(drawn) for s, drawn in again.items()}
    assert {shard: list(drawn) for shard, drawn in first.items()} != {s: list(drawn) for s, drawn in other.items()}
