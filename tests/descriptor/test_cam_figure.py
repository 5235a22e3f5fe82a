"""The figure of a class activation map: layout of the panels, and refusal without a classifier."""

import numpy as np
import pytest
from PIL import Image

from osrmac.config import DescriptorConfig
from osrmac.descriptor.cam_figure import draw_cam
from osrmac.descriptor.describer import Describer
from osrmac.errors import ConfigError
from tests.pictures import textured

CONFIG = DescriptorConfig(backbone="resnet18", weights="random:0", image_sizes=(96, 64))


def test_the_figure_has_three_panels_of_the_given_height() -> None:
    photo = textured(90, 60)

    figure = draw_cam(Describer.load(CONFIG), photo, height=120)

    assert figure.size == (3 * 180 + 2 * 8, 120)
    pixels = np.asarray(figure).astype(float)
    original, heated, masked = (pixels[:, start : start + 180] for start in (0, 188, 376))
    np.testing.assert_array_equal(original, np.asarray(photo.resize((180, 120), Image.Resampling.LANCZOS)))
    assert (pixels[:, 180:188] == 255).all()
    assert not np.array_equal(heated, original)
    is_kept = (masked == original).all(axis=-1)
    assert 0.05 < is_kept.mean() < 0.95
    np.testing.assert_allclose(masked[~is_kept], original[~is_kept] * 0.2, atol=1)


def test_a_backbone_without_a_classifier_is_refused() -> None:
    describer = Describer.load(
        DescriptorConfig(backbone="resnet18", weights="random:0", layers=("layer3", "layer2"), image_sizes=(64,))
    )

    with pytest.raises(ConfigError, match=r"^a class activation map needs a classifier [^\n]*: leave out --layers"):
        draw_cam(describer, textured())
