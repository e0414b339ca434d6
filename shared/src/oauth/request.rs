//! What a client asks for when it sends a browser here.

use serde::{Deserialize, Serialize};

use super::{
    Fault, Oauth,
    client::{self, same_address},
    fault::Refused,
    with_params,
};

const LONGEST_STATE: usize = 2048;
const LONGEST_NONCE: usize = 256;
/// Base64url of a SHA-256, without padding.
const CHALLENGE: usize = 43;

/// The parameters as they came, nothing checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// `client_id`.
    pub client: Option<&'a str>,
    /// `redirect_uri`.
    pub redirect: Option<&'a str>,
    /// `response_type`; an app says it in capitals.
    pub response_type: Option<&'a str>,
    /// `response_mode`.
    pub response_mode: Option<&'a str>,
    /// `state`.
    pub state: Option<&'a str>,
    /// `nonce`.
    pub nonce: Option<&'a str>,
    /// `code_challenge`.
    pub challenge: Option<&'a str>,
    /// `code_challenge_method`.
    pub challenge_method: Option<&'a str>,
    /// `prompt`.
    pub prompt: Option<&'a str>,
    /// There is a `request` or `request_uri`, in which all this could stand otherwise.
    pub by_object: bool,
}

/// A request that may be granted once the user has signed in: its client and its redirect address are
/// certain. Made from [`Asked`] alone, or from what was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<String>,
}

impl Request {
    /// Checks what is asked. Until client and redirect address are certain nothing goes back there.
    pub fn check(oauth: &Oauth, asked: &Asked<'_>) -> Result<Self, Refused> {
        let id = asked.client.ok_or(Fault::InvalidRequest("client_id is missing"))?;
        let client = oauth.client(id).ok_or(Fault::InvalidClient)?;
        let redirect = asked.redirect.ok_or(Fault::InvalidRequest("redirect_uri is missing"))?;
        if !client.allows(redirect) {
            return Err(Fault::UnknownRedirect.into());
        }
        let state = asked.state.filter(|state| state.len() <= LONGEST_STATE);
        faultless(asked).map_err(|fault| Refused::back(redirect, state, &fault))?;
        let own = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self {
            client: id.to_owned(),
            redirect: redirect.to_owned(),
            state: own(state),
            nonce: own(asked.nonce),
            challenge: own(asked.challenge),
        })
    }

    /// What a command line asks for that only says on which port it listens (contract `clients.md` A2).
    pub fn of_port(oauth: &Oauth, client: Option<&str>, port: Option<&str>) -> Result<Self, Refused> {
        let port: Option<u16> = port.and_then(|port| port.parse().ok()).filter(|port| *port > 0);
        let port = port.ok_or(Fault::InvalidRequest("port is missing or not valid"))?;
        let redirect = format!("http://localhost:{port}/");
        let client = client.unwrap_or(client::OWN);
        Self::check(oauth, &Asked { client: Some(client), redirect: Some(&redirect), response_type: Some("code"), ..Asked::default() })
    }

    /// The parameters with which the same can be asked again.
    pub fn params(&self) -> Vec<(&'static str, &str)> {
        let mut params = vec![("response_type", "code"), ("client_id", self.client.as_str()), ("redirect_uri", self.redirect.as_str())];
        params.extend(self.state.as_deref().map(|state| ("state", state)));
        params.extend(self.nonce.as_deref().map(|nonce| ("nonce", nonce)));
        params.extend(
            self.challenge.iter().flat_map(|challenge| [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]),
        );
        params
    }

    /// The client's id.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Where the browser goes back to.
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Back to the client with a code.
    pub(super) fn granted(&self, code: &str) -> String {
        with_params(&self.redirect, &[("code", Some(code)), ("state", self.state.as_deref())])
    }

    /// Back to the client with a fault.
    pub(super) fn refused(&self, fault: &Fault) -> Refused {
        Refused::back(&self.redirect, self.state.as_deref(), fault)
    }

    /// Is this where the browser went back to? A command line names the address without its port.
    pub(super) fn went_to(redirect: &str, named: &str) -> bool {
        same_address(redirect, named)
    }
}

fn faultless(asked: &Asked<'_>) -> Result<(), Fault> {
    if asked.by_object {
        return Err(Fault::InvalidRequest("request and request_uri are not supported"));
    }
    match asked.response_type {
        Some(kind) if kind.eq_ignore_ascii_case("code") => {}
        Some(_) => return Err(Fault::UnsupportedResponseType),
        None => return Err(Fault::InvalidRequest("response_type is missing")),
    }
    if asked.response_mode.is_some_and(|mode| mode != "query") {
        return Err(Fault::InvalidRequest("response_mode is query"));
    }
    if asked.state.is_some_and(|state| state.len() > LONGEST_STATE) {
        return Err(Fault::InvalidRequest("state is too long"));
    }
    if asked.nonce.is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
        return Err(Fault::InvalidRequest("nonce is too long"));
    }
    // Nobody is remembered here, so nobody is signed in without being asked.
    if asked.prompt.is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
        return Err(Fault::LoginRequired);
    }
    challenge(asked.challenge, asked.challenge_method)
}

/// `plain` shows the verifier to whoever sees the request, so only S256 counts; a challenge without a
/// method would be plain.
fn challenge(challenge: Option<&str>, method: Option<&str>) -> Result<(), Fault> {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match (challenge, method) {
        (None, None) => Ok(()),
        (Some(challenge), Some("S256")) if challenge.len() == CHALLENGE && challenge.bytes().all(base64url) => Ok(()),
        (_, Some("S256")) => Err(Fault::InvalidRequest("code_challenge is not valid")),
        _ => Err(Fault::InvalidRequest("code_challenge_method is S256")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn asked() -> Asked<'static> {
        Asked { client: Some("raincloud"), redirect: Some("http://localhost:9/"), response_type: Some("code"), ..Asked::default() }
    }

    fn back(asked: &Asked<'_>) -> String {
        match Request::check(&Oauth::default(), asked) {
            Err(Refused::Back(to)) => to,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_request_can_be_asked_again() {
        for response_type in ["code", "CODE"] {
            let asked = Asked {
                response_type: Some(response_type),
                state: Some("s&t"),
                nonce: Some("n"),
                challenge: Some(CHALLENGE),
                challenge_method: Some("S256"),
                ..asked()
            };
            let request = Request::check(&Oauth::default(), &asked).unwrap();
            assert_eq!(request.params().len(), 7);
            assert_eq!(request.granted("c"), "http://localhost:9/?code=c&state=s%26t");
        }
    }

    #[test]
    fn nothing_goes_to_an_address_that_is_not_the_clients() {
        for (asked, fault) in [
            (Asked { client: None, ..asked() }, "invalid_request"),
            (Asked { client: Some("x"), ..asked() }, "invalid_client"),
            (Asked { redirect: None, ..asked() }, "invalid_request"),
            (Asked { redirect: Some("http://evil.io/"), ..asked() }, "invalid_request"),
        ] {
            match Request::check(&Oauth::default(), &asked) {
                Err(Refused::Here(here)) => assert_eq!(here.code(), fault),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_fault_goes_back_with_the_state() {
        let long = "x".repeat(LONGEST_STATE + 1);
        for (asked, error) in [
            (Asked { response_type: None, ..asked() }, "invalid_request"),
            (Asked { response_type: Some("token"), ..asked() }, "unsupported_response_type"),
            (Asked { response_mode: Some("fragment"), ..asked() }, "invalid_request"),
            (Asked { prompt: Some("none"), ..asked() }, "login_required"),
            (Asked { by_object: true, ..asked() }, "invalid_request"),
            (Asked { challenge: Some(CHALLENGE), ..asked() }, "invalid_request"),
            (Asked { challenge: Some(CHALLENGE), challenge_method: Some("plain"), ..asked() }, "invalid_request"),
            (Asked { challenge: Some("short"), challenge_method: Some("S256"), ..asked() }, "invalid_request"),
            (Asked { challenge_method: Some("S256"), ..asked() }, "invalid_request"),
            (Asked { nonce: Some(&long), ..asked() }, "invalid_request"),
        ] {
            let to = back(&Asked { state: Some("s1"), ..asked });
            assert!(to.starts_with(&format!("http://localhost:9/?error={error}&")) && to.ends_with("&state=s1"), "{to}");
        }
        assert!(!back(&Asked { state: Some(&long), ..asked() }).contains("state=x"));
    }

    #[test]
    fn a_command_line_only_says_its_port() {
        let request = Request::of_port(&Oauth::default(), None, Some("34947")).unwrap();
        assert_eq!((request.client(), request.redirect()), ("raincloud", "http://localhost:34947/"));
        for bad in [None, Some("0"), Some("65536"), Some("1@evil.io"), Some("x")] {
            assert!(Request::of_port(&Oauth::default(), None, bad).is_err(), "{bad:?}");
        }
    }
}
