"""Backing up while the cloud is used, and beginning anew from the backup."""

import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import tarfile

import pytest
from support.cloud import BINARY, objects
from support.device import Device, Refused
from support.load import Load, check, check_wishes
from support.user import failed, good
from support.wait import until


def backup(cloud, to, *flags, check=True):
    return cloud.run("backup", "--data", cloud.data, "--to", to, *flags, check=check)


def restore(cloud, source, data, *flags, check=True):
    return cloud.run("restore", "--from", source, "--data", data, *flags, check=check)


def refused(done, *says):
    """Checks that it said in one line why not."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and all(part in lines[0] for part in says), done.stderr


@pytest.fixture
def archive(new_cloud, user_of):
    """A small backup of a cloud that is not served any more, and the cloud."""
    cloud = new_cloud().start()
    user_of(cloud)
    to = cloud.folder / "backup.tar"
    backup(cloud, to)
    cloud.stop()
    return cloud, to


def test_the_drill(new_cloud, user_of):
    cloud = new_cloud().start()
    user, (reporter, sleeper, revoked) = user_of(cloud), cloud.add_nodes(3)
    cloud.revoke(revoked.id)
    load = Load(cloud, user, reporter, sleeper).prepare()
    load.begin(0.5)
    before = load.seen.now()
    to = cloud.folder / "backup.tar"
    [told] = objects(backup(cloud, to, "--json").stdout)
    after = load.seen.now()
    until(lambda: load.seen.reports > after.reports and load.seen.wishes > after.wishes, "it went on beside the backup and after it")
    load.end(cloud.kill)
    assert told["backup"] == str(to) and told["bytes"] > 0
    assert to.stat().st_mode & 0o777 == 0o600
    authority = cloud.ca.read_bytes()

    again = new_cloud()
    [told] = objects(restore(again, to, again.data, "--json").stdout)
    assert told["restored"] == str(again.data) and told["moved_aside"] is None
    with sqlite3.connect(again.data / "raincloud.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    for name in ("ca.key", "server.key", "raincloud.db"):
        assert (again.data / name).stat().st_mode & 0o777 == 0o600, name
    assert (again.data / "server.crt").read_bytes() == (cloud.data / "server.crt").read_bytes()

    again.start()
    assert again.ca.read_bytes() == authority
    user.cloud, user.http = again, again.http()
    assert good(user.get("/v1/user2"))["user_name"] == user.name, "the access token"
    user.log_in()
    assert sorted(user.nodes()) == sorted([reporter.id, sleeper.id])
    check(user, reporter, before)
    check_wishes(again, user, sleeper, before.wished, load.tried)
    with Device(again, reporter) as device:
        device.report({"Lamp": {"P0": 123_456}})
    assert user.params(reporter.id)["Lamp"]["P0"] == 123_456
    with pytest.raises(Refused):
        Device(again, revoked).connect()
    # Nodes that are added now are of the same CA.
    with Device(again, again.add_nodes()[0]):
        pass


def test_letters_and_settings_are_in_it_and_what_passes_is_not(archive):
    cloud, to = archive
    (cloud.data / "raincloud.toml").write_text("desired-seconds = 1\n")
    (cloud.data / "images/v2").mkdir(parents=True)
    (cloud.data / "images/v2/lamp.bin").write_bytes(os.urandom(3_000_000))
    (cloud.data / "link").symlink_to("/etc/hostname")
    (cloud.data / "half.part").write_text("x")
    done = backup(cloud, to, "--force")
    assert "link" in done.stdout
    with tarfile.open(to) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))
        sums = {name: hashlib.sha256(tar.extractfile(name).read()).hexdigest() for name in names if name.startswith("data/")}
    assert names[:2] == ["manifest.json", "manifest.json.sha256"]
    assert sums == {f"data/{member['name']}": member["sha256"] for member in manifest["members"]}
    letters = [f"data/mailbox/{letter.name}" for letter in (cloud.data / "mailbox").iterdir()]
    assert letters and set(sums) == {
        *letters,
        *(f"data/{name}" for name in ("raincloud.db", "blobs.key", "ca.crt", "ca.key", "server.crt", "server.key", "raincloud.toml")),
        "data/images/v2/lamp.bin",
    }
    elsewhere = cloud.folder / "deep/down/data"
    restore(cloud, to, elsewhere)
    assert (elsewhere / "images/v2/lamp.bin").read_bytes() == (cloud.data / "images/v2/lamp.bin").read_bytes()
    assert (elsewhere / "raincloud.toml").read_text() == "desired-seconds = 1\n"


def test_a_backup_goes_to_a_folder_or_a_pipe_and_replaces_nothing(archive):
    cloud, to = archive
    folder = cloud.folder / "backups"
    folder.mkdir()
    backup(cloud, folder)
    [made] = folder.iterdir()
    assert made.name.startswith("raincloud-") and made.suffix == ".tar"
    done = subprocess.run([BINARY, "backup", "--data", cloud.data, "--to", "-"], capture_output=True, timeout=60, check=True)
    restored = subprocess.run(
        [BINARY, "restore", "--from", "-", "--data", cloud.folder / "piped"], input=done.stdout, capture_output=True, timeout=60
    )
    assert restored.returncode == 0, restored.stderr
    assert (cloud.folder / "piped/ca.key").read_bytes() == (cloud.data / "ca.key").read_bytes()

    to.write_text("precious")
    refused(backup(cloud, to, check=False), str(to), "--force")
    assert to.read_text() == "precious"
    backup(cloud, to, "--force")
    [told] = objects(cloud.run("backup", "--verify", to, "--json").stdout)
    assert told["verified"] == str(to) and told["files"] == 7
    refused(backup(cloud, cloud.data / "x.tar", check=False), "data folder")
    refused(backup(cloud, cloud.folder / "none/x.tar", check=False), "none")
    refused(cloud.run("backup", "--data", cloud.folder / "backups", "--to", folder, check=False), "no data folder")
    assert [path.name for path in folder.iterdir()] == [made.name], "nothing is left of what failed"
    assert not [path for path in (*cloud.folder.iterdir(), *cloud.data.iterdir()) if ".part" in path.name]


def test_a_backup_that_nobody_reads_has_failed(archive):
    cloud, _ = archive
    (cloud.data / "large").write_bytes(bytes(4_000_000))
    process = subprocess.Popen(
        [BINARY, "backup", "--data", cloud.data, "--to", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(20) == 1
    assert b"cannot write the backup" in process.stderr.read()
    process.stderr.close()


def test_what_is_there_is_moved_aside_and_never_deleted(archive):
    cloud, to = archive
    occupied = cloud.folder / "occupied"
    occupied.mkdir()
    (occupied / "mine").write_text("precious")
    refused(restore(cloud, to, occupied, check=False), "not empty", "--force")
    assert [path.name for path in occupied.iterdir()] == ["mine"]
    [told] = objects(restore(cloud, to, occupied, "--force", "--json").stdout)
    with open(os.path.join(told["moved_aside"], "mine")) as file:
        assert file.read() == "precious"
    assert (occupied / "raincloud.db").exists() and not (occupied / "mine").exists()
    empty = cloud.folder / "empty"
    empty.mkdir()
    restore(cloud, to, empty)
    file = cloud.folder / "file"
    file.write_text("")
    refused(restore(cloud, to, file, check=False), "no folder")
    assert not [path for path in cloud.folder.iterdir() if ".part" in path.name]


def test_a_folder_that_is_served_is_left_alone(archive):
    cloud, to = archive
    cloud.start()
    refused(restore(cloud, to, cloud.data, check=False), "serves")
    refused(restore(cloud, to, cloud.data, "--force", check=False), "serves")
    assert cloud.http().get("/readyz").status_code == 200


@pytest.mark.parametrize("damage", ["cut off", "flipped", "no backup", "empty", "newer", "damaged database"])
def test_what_is_not_whole_changes_nothing(archive, damage):
    cloud, to = archive
    if damage == "cut off":
        to.write_bytes(to.read_bytes()[:9_000])
    elif damage == "flipped":
        content = bytearray(to.read_bytes())
        content[6_000] ^= 1
        to.write_bytes(content)
    elif damage == "no backup":
        to.write_bytes(os.urandom(10_000))
    elif damage == "empty":
        to.write_bytes(b"")
    elif damage == "newer":
        rewrite(to, lambda manifest, _: manifest.update(format=2))
    elif damage == "damaged database":

        def zero(manifest, files):
            files["raincloud.db"] = files["raincloud.db"][:4096] + bytes(len(files["raincloud.db"]) - 4096)

        rewrite(to, zero)
        # Its checksums are right: that it is damaged only the database itself can say.
        cloud.run("backup", "--verify", to)
    if damage != "damaged database":
        refused(cloud.run("backup", "--verify", to, check=False), str(to))
    else:
        (cloud.folder / "new").mkdir()
    refused(restore(cloud, to, cloud.folder / "new", check=False), str(to))
    refused(restore(cloud, to, cloud.data, "--force", check=False))
    assert (cloud.data / "raincloud.db").exists() and not (cloud.folder / "new/raincloud.db").exists()
    assert not [path for path in cloud.folder.iterdir() if "restore" in path.name]


def rewrite(archive, change):
    """Changes what is in a backup, and makes its checksums right again."""
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        files = {member["name"]: tar.extractfile(f"data/{member['name']}").read() for member in manifest["members"]}
    change(manifest, files)
    for member in manifest["members"]:
        content = files[member["name"]]
        member.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    told = json.dumps(manifest).encode()
    entries = {"manifest.json": told, "manifest.json.sha256": f"{hashlib.sha256(told).hexdigest()}  manifest.json\n".encode()}
    entries |= {f"data/{name}": content for name, content in files.items()}
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_a_signal_ends_a_backup_and_leaves_nothing(archive):
    cloud, _ = archive
    with sqlite3.connect(cloud.data / "raincloud.db") as database:
        fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) "
        database.execute(f"{fill} INSERT INTO record SELECT 'nodes', i, 'x', 1, NULL, printf('%020000d', i) FROM n")
    database.close()
    folder = cloud.folder / "backups"
    folder.mkdir()
    process = subprocess.Popen([BINARY, "backup", "--data", cloud.data, "--to", folder], stderr=subprocess.PIPE, text=True)
    until(lambda: list(folder.glob(".*/*")), "it has begun", every=0.002)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 1 and "stopped" in said, said
    assert not list(folder.iterdir())


def test_the_next_server_takes_a_backup_of_a_killed_one(new_cloud, user_of):
    cloud = new_cloud().start()
    user = user_of(cloud)
    credentials = cloud.add_nodes()[0]
    cloud.kill()
    to = cloud.folder / "backup.tar"
    backup(cloud, to)
    again = new_cloud()
    restore(again, to, again.data)
    again.start()
    user.cloud, user.http = again, again.http()
    user.log_in()
    good(user.post("/v1/logout2"))
    failed(again.http().post("/v1/login2", json={"refreshtoken": user.tokens["refreshtoken"]}), 400, 101_017)
    with Device(again, credentials) as device:
        user.log_in().map(device)
