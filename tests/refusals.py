"""Options that a configuration class refuses."""

from typing import Any

import pytest

from osrmac.errors import ConfigError


def check_refusal(config: Any, options: dict[str, Any]) -> None:
    """Check that a value is refused in one line that names the option, the first of those given."""
    with pytest.raises(ConfigError) as caught:
        config(**options)
    message = str(caught.value)
    assert f"--{next(iter(options)).replace('_', '-')}" in message
    assert "\n" not in message
