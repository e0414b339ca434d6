"""`raincloud mailbox`: the letters of a cloud without mail."""

import json
import signal
import subprocess

import pytest
from support.cloud import BINARY, objects
from support.user import PASSWORD, good, new_address
from support.wait import until


@pytest.fixture
def sign_up(cloud):
    def sign_up(name=None):
        name = name or new_address()
        good(cloud.http().post("/v1/user2", json={"user_name": name, "password": PASSWORD}), 201)
        return name

    return sign_up


def test_a_code_alone_is_printed_for_programs(cloud, sign_up):
    name = sign_up()
    text = cloud.run("mailbox", "--data", cloud.data, "--code", name).stdout
    assert text.strip().isdigit() and len(text.strip()) == 6 and text.endswith("\n"), text
    assert cloud.run("mailbox", "--data", cloud.data, "--code", name.upper()).stdout == text
    assert cloud.run("mailbox", "--code", name, "--data", cloud.data).stdout == text, "in any order"
    assert objects(cloud.run("mailbox", "--data", cloud.data, "--code", name, "--json").stdout) == [
        {"to": name, "code": text.strip()}
    ]


def test_the_newest_code_is_printed(cloud, sign_up):
    name = sign_up()
    codes = {cloud.code(name)}
    for _ in range(3):
        sign_up(name)
        codes.add(cloud.code(name))
    assert len(codes) > 1
    letters = objects(cloud.run("mailbox", "--data", cloud.data, "--json", name).stdout)
    assert len(letters) == 4 and letters[-1]["code"] == cloud.code(name)


def test_a_letter_says_what_it_is(cloud, sign_up):
    one, other = sign_up(), sign_up()
    (letter,) = objects(cloud.run("mailbox", "--data", cloud.data, "--json", one).stdout)
    assert letter["to"] == one and letter["code"] in letter["text"] and letter["subject"] and letter["date"]
    text = cloud.run("mailbox", "--data", cloud.data, one).stdout
    assert one in text and letter["code"] in text and other not in text
    every = cloud.run("mailbox", "--data", cloud.data).stdout
    assert one in every and other in every


def test_an_address_without_letters_is_told_in_one_line(cloud):
    done = cloud.run("mailbox", "--data", cloud.data, "--code", "nobody@example.com", check=False)
    assert done.returncode > 0 and done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    assert "nobody@example.com" in done.stderr


def test_following_prints_letters_as_they_come(cloud, sign_up, tmp_path):
    before, path = sign_up(), tmp_path / "followed"
    with path.open("w") as out:
        process = subprocess.Popen(
            [BINARY, "mailbox", "--data", cloud.data, "--follow", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=cloud.env,
        )
    try:
        until(lambda: before in path.read_text(), "the letters so far")
        name = sign_up()
        until(lambda: f'"{name}"' in path.read_text() and path.read_text().endswith("\n"), "the new letter")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert [letter["to"] for letter in letters if letter["to"] in (before, name)] == [before, name], "each once, in order"


def test_a_folder_that_is_missing_is_told_and_not_made(cloud, tmp_path):
    done = cloud.run("mailbox", "--data", tmp_path / "missing", check=False)
    assert done.returncode > 0 and len(done.stderr.splitlines()) == 1 and not (tmp_path / "missing").exists()
