//! Signing in by a browser: the OAuth 2.0 authorization code flow (RFC 6749, 7636, 8252), as the RainMaker
//! clients use it (contract `clients.md` A2) and as OpenID Connect describes it.
//!
//! A user signs in on our page or at a provider; the client gets a code at an address that the owner has
//! registered for it, and redeems that for tokens.
//!
//! | table `identity` | sample | read by |
//! |---|---|---|
//! | `code#<SHA-256 of the code>` / `code` | `{client: "raincloud", redirect: "http://localhost:1234/", challenge: "E9Me…", sealed: <bytes>, used: false}` | redeeming |
//! | `leaving#<SHA-256 of the state>` / `leaving` | `{sealed: <bytes>}` | coming back from a provider |
//!
//! What is `sealed` opens only with the code (or the state), which is not stored: who reads the table can
//! sign in as nobody.
//!
//! Costs, beside those of the port `Identity`: making a code 1 write; redeeming it 1 get, 1 write; leaving to
//! a provider 1 write; coming back 1 get, 1 write, and a code.

pub mod authorize;
pub mod client;
mod code;
pub mod fault;
pub mod federate;
pub mod request;
mod seal;
pub mod token;

pub use client::{Client, Oauth, PublicUrl, Redirect, Secret};
pub use fault::{Fault, Refused, Result};
pub use request::Request;

/// A URI with these parameters in its query.
fn with_params(uri: &str, params: &[(&str, Option<&str>)]) -> String {
    let separator = if uri.contains('?') { '&' } else { '?' };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    format!("{uri}{separator}{}", query.finish())
}

/// Where a browser goes to sign in at a provider: under the public URL, since it comes back there and must
/// then have its cookie.
pub fn authorize_path(ports: &crate::Ports, request: &Request, provider: &str) -> String {
    let params: Vec<_> =
        request.params().into_iter().chain([("identity_provider", provider)]).map(|(name, value)| (name, Some(value))).collect();
    let path = with_params("/authorize", &params);
    ports.rules.oauth.public_url.as_ref().map_or(path.clone(), |url| url.at(&path))
}
