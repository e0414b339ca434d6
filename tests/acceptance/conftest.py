"""The fixtures: a running cloud, and makers of users, nodes and command lines. `RAINCLOUD_DEPLOYED` names a file
that says where a cloud is that was deployed elsewhere; tests of what only a cloud on this machine has are
skipped then."""

import os
import secrets

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from support.cli import Cli
from support.cloud import LocalCloud
from support.deployed import DeployedCloud
from support.device import Device
from support.sdk import Sdk
from support.simulated import Simulated
from support.user import User
from support.wait import settled

_CLOUDS = pytest.StashKey()
DEPLOYED = os.environ.get("RAINCLOUD_DEPLOYED")


def pytest_runtest_setup(item):
    local = item.get_closest_marker("local")
    if DEPLOYED and local:
        pytest.skip(local.args[0])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the logs of the clouds that a failed test used."""
    report = yield
    if report.failed:
        clouds = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, LocalCloud)]
        for cloud in dict.fromkeys([*clouds, *item.stash.get(_CLOUDS, [])]):
            report.sections.append((f"log of the cloud in {cloud.folder}", cloud.tail()))
    return report


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """The cloud that most tests share. Nobody restarts it."""
    if DEPLOYED:
        yield DeployedCloud(DEPLOYED, tmp_path_factory.mktemp("cloud"))
        return
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud")).start()
    yield cloud
    cloud.close()


@pytest.fixture
def new_cloud(tmp_path, request):
    """Makes clouds that a test has for itself, not started."""
    if DEPLOYED:
        pytest.skip("a cloud of one's own is on this machine")
    clouds = request.node.stash.setdefault(_CLOUDS, [])

    def make(*flags, env=None):
        clouds.append(LocalCloud(tmp_path / f"cloud-{len(clouds)}", *flags, env=env))
        return clouds[-1]

    yield make
    for cloud in clouds:
        cloud.close()


@pytest.fixture(scope="session")
def user_of():
    """Makes users of a given cloud."""
    return lambda cloud: User(cloud).sign_up().log_in()


@pytest.fixture
def new_user(cloud):
    """Makes users of the shared cloud, signed up and logged in."""
    return lambda: User(cloud).sign_up().log_in()


@pytest.fixture
def user(new_user):
    """A user of the shared cloud."""
    return new_user()


@pytest.fixture
def credentials(cloud):
    """The credentials of a new node of the shared cloud."""
    return cloud.add_nodes()[0]


@pytest.fixture
def new_device(cloud):
    """Makes connected devices of the shared cloud: by default each with new credentials."""
    devices = []

    def make(credentials=None, **more):
        cloud_of = more.pop("cloud", cloud)
        credentials = credentials or cloud_of.add_nodes()[0]
        device = Device(cloud_of, credentials, **more).connect()
        devices.append(device)
        return device

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def device(new_device):
    """A connected device of the shared cloud that nobody has mapped."""
    return new_device()


@pytest.fixture
def simulate(cloud):
    """Starts simulated nodes."""
    nodes = []

    def start(credentials, *flags, cloud=cloud, **more):
        nodes.append(Simulated(cloud, credentials, *flags, **more))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


@pytest.fixture
def simulate_mapped(user, simulate):
    """Starts simulated nodes that belong to the user."""

    def start(credentials, *flags):
        secret = secrets.token_hex(16)
        request = user.ask_to_map(credentials.id, secret)
        node = simulate(credentials, "--map", f"{user.id}:{secret}", *flags).up()
        settled(lambda: user.mapping_status(request), "confirmed", "the mapping is confirmed")
        return node

    return start


@pytest.fixture
def new_cli(tmp_path, cloud):
    """Makes command lines, each somebody else's."""
    made = []

    def make(base=None):
        made.append(Cli(cloud, tmp_path / f"cli-{len(made)}"))
        return made[-1].use(base) if base else made[-1]

    return make


@pytest.fixture
def cli(new_cli, cloud, user):
    """A command line on which `user` is logged in."""
    return new_cli(cloud.base).log_in(user.name)


@pytest.fixture
def needs(cloud):
    """Skips a test of a route that this cloud does not have."""

    def needs(method, path, why=None):
        status = cloud.http().request(method, path).status_code
        if status in (404, 405):
            pytest.skip(why or f"{method} {path} is not there yet ({status})")

    return needs


@pytest.fixture
def signed():
    """Signs a challenge as a node does, in hex."""

    def signed(credentials, challenge):
        key = serialization.load_pem_private_key(credentials.key.read_bytes(), None)
        if isinstance(key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
            return key.sign(challenge.encode(), pss, hashes.SHA256()).hex()
        return key.sign(challenge.encode(), ec.ECDSA(hashes.SHA256())).hex()

    return signed


@pytest.fixture
def new_sdk(cloud):
    """Makes TypeScript SDKs, each in an app of its own."""
    made = []

    def make(**config):
        made.append(Sdk(cloud, **config))
        return made[-1]

    yield make
    for sdk in made:
        sdk.close()


@pytest.fixture
def sdk(new_sdk, user):
    """An SDK in which `user` is logged in."""
    return new_sdk().log_in(user)
