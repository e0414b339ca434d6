"""Mapping by challenge on the local network: the unmodified command line, and its own code piece by piece, against the
simulated node."""

import json
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256
from support.wait import settled

# What `provision --transport on-network` does at the node, without the cloud in between.
PROGRAM = """
import json, sys
from rmaker_tools.rmaker_prov import challenge_response, on_network_chal_resp as on_network
port, version, pop, challenge, disable = sys.argv[1:]
device = on_network.discover_device_by_ip("127.0.0.1", int(port))
security = on_network.get_security_for_device(device, pop, sec_ver_override=int(version))
transport, opened = on_network.establish_http_session(device, security)
answer = {"opened": opened}
if opened:
    good, node_id, signature = challenge_response.send_challenge_to_device(transport, security, challenge)
    answer |= {"good": good, "node_id": node_id, "signature": signature.hex() if good else None}
    if int(disable):
        answer["disabled"] = challenge_response.send_disable_chal_resp(transport, security)
print("\\n" + json.dumps(answer))
"""


def on_network(node):
    """Where the node answers, and its proof of possession."""
    told = node.expect("on_network")
    return told["address"].rsplit(":", 1)[1], told["pop"]


def ask(cli, port, version, pop, challenge="the challenge", disable=False):
    """Runs the command line's own code, with its environment."""
    command = [sys.executable, "-c", PROGRAM, port, str(version), pop, challenge, str(int(disable))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=cli.env, cwd=cli.folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def verify(credentials, signature, message):
    """Raises if this is not the node's signature."""
    key = x509.load_pem_x509_certificate(credentials.certificate.read_bytes()).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(SHA256()))
    else:
        key.verify(signature, message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


@pytest.mark.parametrize("key", ["ecdsa", "rsa"])
@pytest.mark.parametrize("version", [0, 1])
def test_the_command_lines_own_code_gets_a_signature(cloud, new_cli, simulate, key, version):
    credentials = cloud.add_nodes(key=key)[0]
    node = simulate(credentials, "--on-network", "0", "--sec-ver", str(version))
    port, pop = on_network(node)
    assert pop == ((credentials.folder / "random.info").read_text()[:8] if version else "")
    cli = new_cli()
    for challenge in ("short", "ü" * 200):
        answer = ask(cli, port, version, pop, challenge)
        assert answer["good"] and answer["node_id"] == credentials.id
        verify(credentials, bytes.fromhex(answer["signature"]), challenge.encode())
        node.expect("challenged", challenge=challenge)


def test_a_wrong_proof_of_possession_opens_nothing(credentials, new_cli, simulate):
    node = simulate(credentials, "--on-network", "0", "--pop", "the right one")
    port, pop = on_network(node)
    cli = new_cli()
    for wrong in ("the wrong one", ""):
        assert ask(cli, port, 1, wrong) == {"opened": False}
    assert ask(cli, port, 0, "") == {"opened": False}, "nor does another security"
    assert ask(cli, port, 1, pop)["good"], "the control"


def test_the_end_is_kept_two_seconds_later(credentials, new_cli, simulate):
    node = simulate(credentials, "--on-network", "0")
    port, pop = on_network(node)
    assert ask(new_cli(), port, 1, pop, disable=True)["disabled"]
    node.expect("off_network", seconds=10)
    node.press("Light.Power=true")
    node.expect("set", param="Power", value=True)
    assert node.process.poll() is None, "only the service ended"


def test_a_challenge_can_be_answered_on_the_command_line(cloud, credentials):
    done = cloud.run("node", "--credentials", credentials.folder, "--challenge", "the challenge", "--json")
    answer = json.loads(done.stdout)
    assert answer["node_id"] == credentials.id and answer["challenge_response"].islower()
    verify(credentials, bytes.fromhex(answer["challenge_response"]), b"the challenge")
    text = cloud.run("node", "--credentials", credentials.folder, "--challenge", "x").stdout
    assert f"node_id: {credentials.id}\nchallenge_response: 30" in text


@pytest.mark.parametrize("what, holds", [("config", "devices"), ("params", "Light"), ("initparams", "Light")])
def test_a_state_can_be_signed_on_the_command_line(cloud, credentials, what, holds):
    body = json.loads(cloud.run("node", "--credentials", credentials.folder, "--sign-state", what).stdout)
    verify(credentials, bytes.fromhex(body["signature"]), body["node_payload"].encode())
    payload = json.loads(body["node_payload"])
    assert holds in payload["data"] and list(payload) == ["data", "timestamp"]


def test_the_command_line_maps_a_node_on_the_network(cloud, user, credentials, simulate, cli):
    if user.post("/v1/user/nodes/mapping/initiate", {"timeout": 360}).status_code == 404:
        pytest.skip("this cloud has no challenges")
    node = simulate(credentials, "--on-network", "0")
    port, pop = on_network(node)
    place = ["--device-ip", "127.0.0.1", "--device-port", port, "--sec_ver", "1", "--pop", pop]
    # Its help calls this the default; it is not.
    printed = cli.run("provision", "--transport", "on-network", *place, "--disable-chal-resp")
    assert "[ERROR]" not in printed, printed
    settled(user.nodes, [credentials.id], "the node is the user's")
    node.expect("off_network", seconds=10)
    settled(lambda: user.params(credentials.id).get("Light", {}).get("Power"), False, "it is read")
