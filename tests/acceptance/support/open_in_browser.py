"""What the command line takes for a browser: opens the address, signs in, and goes where it is sent.

Name and password stand in the variables SIGN_IN_NAME and SIGN_IN_PASSWORD; what went wrong is appended to the
file SIGN_IN_LOG, because nobody reads the output of a browser."""

import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.browser import Browser  # noqa: E402


def main(url):
    browser = Browser()
    browser.open(url)
    browser.submit(user_name=os.environ["SIGN_IN_NAME"], password=os.environ["SIGN_IN_PASSWORD"])
    browser.open(browser.follow())
    assert browser.page.status_code == 200, browser.page.status_code


try:
    main(sys.argv[1])
except BaseException:
    with Path(os.environ["SIGN_IN_LOG"]).open("a") as log:
        traceback.print_exc(file=log)
    raise
