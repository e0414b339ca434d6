//! The programs that may have users sign in here, as the owner has registered them.

use std::{fmt, str::FromStr};

use subtle::ConstantTimeEq as _;

use super::Fault;

/// The client of command lines and tests, which is there without being registered.
pub const OWN: &str = "raincloud";
/// Where the own client listens: any port, on the machine of the browser.
const OWN_REDIRECTS: [&str; 3] = ["http://localhost/", "http://127.0.0.1/", "http://[::1]/"];
const LOOPBACK: [&str; 3] = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
const LONGEST: usize = 2048;
/// Characters of a secret below which it could be guessed.
const SECRET: usize = 24;

/// The owner's decisions.
#[derive(Clone, Debug)]
pub struct Oauth {
    /// Where browsers reach this cloud.
    pub public_url: Option<PublicUrl>,
    clients: Vec<Client>,
}

impl Default for Oauth {
    fn default() -> Self {
        Self::new(None, Vec::new())
    }
}

impl Oauth {
    /// With these clients, beside the own one unless one of them takes its place.
    pub fn new(public_url: Option<PublicUrl>, mut clients: Vec<Client>) -> Self {
        if clients.iter().all(|client| client.id != OWN) {
            let redirects = OWN_REDIRECTS.iter().map(|uri| Redirect((*uri).to_owned())).collect();
            clients.push(Client { id: OWN.to_owned(), redirects, secret: None });
        }
        Self { public_url, clients }
    }

    /// The client of this id.
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The client of this id, if the secret is right: none for a client that has none.
    pub fn authenticate(&self, id: &str, secret: Option<&str>) -> Result<&Client, Fault> {
        let client = self.client(id).ok_or(Fault::InvalidClient)?;
        let right = match (&client.secret, secret) {
            (Some(secret), Some(given)) => secret.is(given),
            (secret, given) => secret.is_none() && given.is_none(),
        };
        if right { Ok(client) } else { Err(Fault::InvalidClient) }
    }
}

/// A program that may have users sign in here.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// Where the browser may go back to.
    pub redirects: Vec<Redirect>,
    /// What only the program's server knows; apps and command lines have none.
    pub secret: Option<Secret>,
}

impl Client {
    /// May the browser go back there? Exactly the registered addresses; of one on the machine itself the
    /// port does not count (RFC 8252 §7.3).
    pub fn allows(&self, redirect: &str) -> bool {
        redirect.len() <= LONGEST && self.redirects.iter().any(|registered| same_address(&registered.0, redirect))
    }
}

/// The same address, letter by letter, but for the port of one on the machine itself.
pub(super) fn same_address(one: &str, other: &str) -> bool {
    one == other || without_port(one).is_some_and(|one| Some(one) == without_port(other))
}

/// Host and path of an address on the machine itself.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let host = LOOPBACK.into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let Some(ported) = rest.strip_prefix(':') else { return Some((host, rest)) };
    let digits = ported.bytes().take_while(u8::is_ascii_digit).count();
    ported[..digits].parse::<u16>().ok().map(|_| (host, &ported[digits..]))
}

/// An address that may be registered: `https`, an app's own scheme, or `http` on the machine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect(String);

impl FromStr for Redirect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "a redirect address is https://…, an app's own scheme such as com.example.app:/signed-in, or http://localhost/…; without `#`";
        let (scheme, rest) = text.split_once(':').ok_or(WRONG)?;
        let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"',;<>\\^`{|}".contains(&byte));
        let named = scheme.starts_with(|char: char| char.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
        let fits = match scheme {
            "https" => rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', ':', '@'])),
            "http" => without_port(text).is_some_and(|(_, path)| path.starts_with('/')),
            "javascript" | "data" | "vbscript" | "file" | "blob" | "about" | "filesystem" => false,
            _ => !rest.is_empty(),
        };
        if plain && named && fits { Ok(Self(text.to_owned())) } else { Err(WRONG) }
    }
}

/// A client's secret. Not shown, and compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let long = (SECRET..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if long {
            Ok(Self(text.to_owned()))
        } else {
            Err("a client's secret has 24 to 256 letters, digits and signs, so that nobody guesses it")
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Where browsers reach this cloud: `https://cloud.example.org`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Cookies for it travel by TLS alone.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// A place there.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "give https://NAME or http://NAME, perhaps with a port, and nothing behind";
        let url = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(WRONG)?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        let named = host.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '[');
        if url.len() <= 255 && named && host.bytes().all(good) { Ok(Self(url)) } else { Err(WRONG) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(redirects: &[&str]) -> Client {
        Client { id: "c".to_owned(), redirects: redirects.iter().map(|uri| uri.parse().unwrap()).collect(), secret: None }
    }

    #[test]
    fn a_redirect_is_exactly_what_is_registered() {
        let client = client(&["https://app.example.com/back?x=1", "rainmaker://com.espressif.novahome/success"]);
        assert!(client.allows("https://app.example.com/back?x=1"));
        assert!(client.allows("rainmaker://com.espressif.novahome/success"));
        for bad in [
            "",
            "https://app.example.com/back",
            "https://app.example.com/back?x=1&y=2",
            "https://app.example.com/back?x=1#",
            "https://app.example.com/back?x=1/",
            "https://app.example.com:443/back?x=1",
            "https://app.example.com/./back?x=1",
            "https://APP.example.com/back?x=1",
            "https://app.example.com@evil.io/back?x=1",
            "https://app.example.com.evil.io/back?x=1",
            "http://app.example.com/back?x=1",
            " https://app.example.com/back?x=1",
            "rainmaker://com.espressif.novahome/success/../x",
            "rainmaker://com.espressif.novahome/",
        ] {
            assert!(!client.allows(bad), "{bad}");
        }
    }

    #[test]
    fn on_the_machine_itself_the_port_does_not_count_and_all_else_does() {
        let client = client(&["http://localhost/", "http://127.0.0.1:1/back"]);
        for good in ["http://localhost/", "http://localhost:34947/", "http://127.0.0.1/back", "http://127.0.0.1:65535/back"] {
            assert!(client.allows(good), "{good}");
        }
        for bad in [
            "http://localhost",
            "http://localhost:/",
            "http://localhost:65536/",
            "http://localhost:1/x",
            "http://localhost:1/?x",
            "http://localhost:1@evil.io/",
            "http://localhost:@evil.io/",
            "http://localhost.evil.io/",
            "http://localhost:1.evil.io/",
            "http://127.0.0.1:1/",
            "http://127.0.0.10/back",
            "http://[::1]/",
            "https://localhost:1/",
        ] {
            assert!(!client.allows(bad), "{bad}");
        }
    }

    #[test]
    fn only_addresses_that_browsers_carry_codes_to_safely_can_be_registered() {
        for good in ["https://a.io/b", "com.example.app:/oauth", "rainmaker://x/success", "http://localhost/", "http://[::1]:9/x?y=z"] {
            assert!(good.parse::<Redirect>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "x",
            "http://a.io/",
            "http://localhost",
            "https://",
            "https:///x",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://a.io/#x",
            "https://a.io/ x",
            "1x:y",
            "app:",
        ] {
            assert!(bad.parse::<Redirect>().is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_asked_of_those_who_have_one_and_of_no_other() {
        let secret = "0123456789abcdef01234567";
        let with = Client { id: "s".to_owned(), redirects: Vec::new(), secret: Some(secret.parse().unwrap()) };
        let oauth = Oauth::new(None, vec![with]);
        assert!(oauth.authenticate("s", Some(secret)).is_ok() && oauth.authenticate(OWN, None).is_ok());
        for (id, given) in [("s", None), ("s", Some("0123456789abcdef01234568")), (OWN, Some(secret)), ("x", None)] {
            assert_eq!(oauth.authenticate(id, given).map(|client| &client.id), Err(Fault::InvalidClient));
        }
        assert!("short".parse::<Secret>().is_err());
        assert!(!format!("{oauth:?}").contains(secret));
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for (text, is) in [("https://Cloud.Example.org/", "https://cloud.example.org"), ("http://[::1]:8080", "http://[::1]:8080")] {
            assert_eq!(text.parse::<PublicUrl>().map(|url| url.0), Ok(is.to_owned()));
        }
        for bad in ["", "cloud.example.org", "https://", "https://a.io/x", "https://a.io?x", "ftp://a.io", "https://a@b.io", "https://-x"] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
