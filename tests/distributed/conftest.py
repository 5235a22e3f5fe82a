import pytest


@pytest.fixture(scope="session", autouse=True)
def shared_ray(local_ray: None) -> None:
    """Start the session's local Ray for every test of this folder."""
