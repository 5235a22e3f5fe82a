import pytest


@pytest.fixture(scope="session", autouse=True)
def ray_for_all(local_ray: None) -> None:
    """One local Ray for all tests of this folder."""
