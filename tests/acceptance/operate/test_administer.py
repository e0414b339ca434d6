"""`raincloud admin … --url`: what a super admin does from afar, over https."""

import subprocess

import pytest
from support.cloud import BINARY, Credentials, objects
from support.device import Device, Refused
from support.user import PASSWORD, User, failed, good, new_address
from support.wait import until

ROOT = "root@example.com"


class Administration:
    """The command line of a super admin."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.remote = ["--url", cloud.secure_base, "--ca", str(cloud.ca), "--user", ROOT]

    def run(self, *command, check=True, password=PASSWORD, stdin=None):
        env = {**self.cloud.env, **({"RAINCLOUD_PASSWORD": password} if password else {})}
        source = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [BINARY, "admin", *map(str, command)], **source, capture_output=True, text=True, timeout=60, env=env, cwd=self.cloud.folder
        )
        assert not check or done.returncode == 0, f"{command} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def there(self, *command, **more):
        """Over the API."""
        noun, verb, *rest = command
        return self.run(noun, verb, *self.remote, *rest, **more)

    def refused(self, *command, **more):
        """The one line that says why not."""
        done = self.run(*command, check=False, **more)
        assert done.returncode > 0 and done.stdout == "" and len(done.stderr.splitlines()) == 1, (done.stdout, done.stderr)
        return done.stderr


@pytest.fixture(scope="module")
def admin(cloud):
    """The first super admin is made in the data folder, beside the running server."""
    administration = Administration(cloud)
    add = ["user", "add", "--data", cloud.data, "--super-admin", "--json", ROOT]
    assert objects(administration.run(*add, stdin=PASSWORD + "\n").stdout) == [{"user_name": ROOT, "privilege": "super_admin"}]
    assert "exists" in administration.refused(*add, stdin=PASSWORD + "\n")
    return administration


def users(done):
    return {user["user_name"]: user for user in objects(done.stdout)}


def test_a_random_password_is_printed_once_and_good(cloud, admin):
    name = new_address()
    (told,) = objects(admin.run("user", "add", "--data", cloud.data, "--json", name).stdout)
    User(cloud, name, told["password"]).log_in()


def test_users_are_listed_the_same_from_here_and_there(new_cloud):
    cloud = new_cloud("--guest-days", "30").start()
    admin = Administration(cloud)
    admin.run("user", "add", "--data", cloud.data, "--super-admin", ROOT, stdin=PASSWORD)
    guests = {good(cloud.http().post("/v1/user/guest"), 201)["user_name"] for _ in range(105)}
    there = users(admin.there("user", "list", "--json"))
    assert there == users(admin.run("user", "list", "--data", cloud.data, "--json"))
    assert set(there) == guests | {ROOT}
    assert there[ROOT]["privilege"] == "super_admin" and all(there[guest]["privilege"] == "none" for guest in guests)
    assert ROOT in admin.there("user", "list").stdout
    guest = guests.pop()
    assert objects(admin.there("user", "delete", "--json", guest).stdout) == [{"user_name": guest, "deleted": True}]
    assert set(users(admin.there("user", "list", "--json"))) == guests | {ROOT}


def test_a_disabled_user_is_out_until_enabled(cloud, admin, new_user):
    user = new_user()
    admin.there("user", "disable", user.name)
    until(lambda: user.get("/v1/user2").status_code == 401, "the access token is dead", seconds=5)
    login = {"user_name": user.name, "password": user.password}
    failed(cloud.http().post("/v1/login2", json=login), 400, 101_016)
    failed(cloud.http().post("/v1/login2", json={"refreshtoken": user.tokens["refreshtoken"]}), 400, 101_017)
    assert users(admin.there("user", "list", "--json"))[user.name]["enabled"] is False
    admin.there("user", "enable", user.name)
    user.log_in()
    # On the machine itself the same; the server notices within seconds.
    admin.run("user", "disable", "--data", cloud.data, user.name)
    until(lambda: user.get("/v1/user2").status_code == 401, "the access token is dead", seconds=20)


def test_a_user_who_is_made_from_afar_gets_a_letter_and_can_be_deleted(cloud, admin):
    name = new_address()
    admin.there("user", "add", name)
    letters = cloud.run("mailbox", "--data", cloud.data, name).stdout
    password = next(line.split()[-1] for line in letters.splitlines() if "Password:" in line)
    user = User(cloud, name, password).log_in()
    assert objects(admin.there("user", "delete", "--json", name).stdout) == [{"user_name": name, "deleted": False}]
    user.get("/v1/user2").raise_for_status()
    code = cloud.code(ROOT)
    assert objects(admin.there("user", "delete", "--json", "--code", code, name).stdout) == [{"user_name": name, "deleted": True}]
    failed(cloud.http().post("/v1/login2", json={"user_name": name, "password": password}), 400, 101_009)


def test_a_node_that_is_added_from_afar_connects_until_revoked(cloud, admin, tmp_path):
    out = tmp_path / "out"
    told = objects(admin.there("node", "add", "--out", out, "--count", "2", "--json").stdout)
    assert len(told) == 2 and (out / "ca.crt").read_bytes() == cloud.ca.read_bytes()
    assert all(one["mqtt_host"] == cloud.host and one["folder"] == str(out / one["node_id"]) for one in told)
    first, second = (Credentials(one["node_id"], out / one["node_id"]) for one in told)
    with Device(cloud, first) as device, Device(cloud, second):
        device.publish("params/local", {})
        done = admin.there("node", "revoke", "--json", first.id)
        assert objects(done.stdout) == [{"node_id": first.id, "revoked": True}]
        device.wait_gone("the revoked node is disconnected")
    with pytest.raises(Refused):
        Device(cloud, first).connect()
    nodes = {node["node_id"]: node for node in objects(admin.there("node", "list", "--json").stdout)}
    here = {node["node_id"]: node for node in objects(admin.run("node", "list", "--data", cloud.data, "--json").stdout)}
    assert nodes == here and nodes[first.id]["revoked"] and not nodes[second.id]["revoked"]


def test_what_cannot_be_done_is_told_in_one_line(cloud, admin, new_user, tmp_path):
    there = ["--url", cloud.secure_base, "--user", ROOT]
    trusted = [*there, "--ca", cloud.ca]
    assert "password is missing" in admin.refused("user", "list", *trusted, password=None)
    wrong = admin.refused("user", "list", *trusted, password="Wrong0ne")
    assert "101009" in wrong and "Wrong0ne" not in wrong
    assert "certificate" in admin.refused("user", "list", *there)
    assert "https" in admin.refused("user", "list", "--url", "http://cloud.invalid", "--user", ROOT)
    assert "nobody1" in admin.refused("node", "revoke", *trusted, "nobody1")
    assert "101025" in admin.refused("user", "disable", *trusted, new_address())
    assert "101053" in admin.refused("user", "disable", *trusted, ROOT)
    user = new_user()
    of_user = ["--url", cloud.secure_base, "--user", user.name, "--ca", cloud.ca]
    assert "100004" in admin.refused("node", "add", *of_user, "--out", tmp_path / "out")
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    admin.run("user", "list", *trusted, "--password-file", file, password=None)
    # Without TLS to this machine itself.
    admin.run("user", "list", "--url", cloud.base, "--user", ROOT)
