"""A browser without a screen: it keeps cookies, follows redirects by hand, and fills in the login page."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests


class _Forms(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.links = None, {}, {}
        self._link = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action", "")
        elif tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""
        elif tag == "a":
            self._link = attributes.get("href")

    def handle_data(self, text):
        if self._link:
            self.links[text.strip()] = self._link
            self._link = None


class Browser:
    """What one person's browser does."""

    def __init__(self):
        self.session = requests.Session()
        self.session.trust_env = False
        self.page = None

    def request(self, method, url, **more):
        """One request; redirects are not followed."""
        self.page = self.session.request(method, url, allow_redirects=False, timeout=10, **more)
        return self.page

    def open(self, url):
        """Opens a page."""
        return self.request("GET", url)

    def submit(self, **typed):
        """Fills in the form of the page, as its own site sees it, and sends it."""
        form = _Forms(self.page.text)
        assert form.action is not None, self.page.text
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.page.url))
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        return self.request("POST", urljoin(self.page.url, form.action), data={**form.fields, **typed}, headers=headers)

    def link(self, text):
        """Where a link of the page goes."""
        links = _Forms(self.page.text).links
        assert text in links, links
        return urljoin(self.page.url, links[text])

    def follow(self):
        """Where the answer sends the browser; checked to be a redirect."""
        assert self.page.status_code in (302, 303), f"{self.page.status_code} {self.page.text}"
        return urljoin(self.page.url, self.page.headers["location"])


def params(url):
    """The query of an address, each parameter once."""
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in query.values()), url
    return {name: values[0] for name, values in query.items()}
