//! The port `Federation`: people sign in with accounts that they have elsewhere.
//!
//! * [`oidc`]: any issuer of OpenID Connect, so also Google and Apple;
//! * [`apple`]: Apple's client secret, which is signed anew each time;
//! * [`github`]: GitHub, which speaks OAuth 2.0 alone and is asked for the rest;
//! * [`http`]: how they are asked.

pub mod apple;
pub mod github;
pub mod http;
pub mod oidc;
