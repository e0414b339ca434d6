"""The fixtures: the deployed cloud, as the acceptance tests know it."""

import os

import pytest
from support.deployed import DeployedCloud
from support.user import User


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """The cloud that was deployed."""
    return DeployedCloud(os.environ["RAINCLOUD_DEPLOYED"], tmp_path_factory.mktemp("cloud"))


@pytest.fixture(scope="session")
def user(cloud):
    """A user of it, signed up and logged in."""
    return User(cloud).sign_up().log_in()
