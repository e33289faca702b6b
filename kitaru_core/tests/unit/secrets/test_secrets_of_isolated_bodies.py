from __future__ import annotations

import os

import pytest

from kitaru import checkpoint, flow
from kitaru.errors import KitaruExecutionError
from kitaru.secrets.registry import create_secret


@checkpoint(runtime="isolated")
def environment(*names):
    return [os.environ.get(name) for name in names]


def _seen(image, *names):
    return flow(lambda: environment(*names)).run(image=image).wait(timeout=30)


def test_an_isolated_body_gets_variables_and_secrets_of_the_image_and_this_process_does_not():
    create_secret("prod", {"API_KEY": "of-the-secret"})
    image = {"environment": {"REGION": "eu"}, "secret_environment_from": ["prod"]}
    assert _seen(image, "API_KEY", "REGION") == ["of-the-secret", "eu"]
    assert "API_KEY" not in os.environ


def test_a_variable_that_looks_secret_is_not_kept_and_that_is_said(caplog):
    assert _seen({"environment": {"API_KEY": "in-the-open", "REGION": "eu"}}, "API_KEY", "REGION") == [None, "eu"]
    assert "without the image's API_KEY" in caplog.text


def test_a_secret_of_the_image_that_is_missing_fails_the_call():
    with pytest.raises(KitaruExecutionError, match="no secret 'gone'"):
        _seen({"secret_environment_from": ["gone"]}, "API_KEY")
