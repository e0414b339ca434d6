//! The answers to the authority's question whose a name is: over HTTP (RFC 8555 §8.3) and over TLS (RFC 8737).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use parking_lot::RwLock;
use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256};
use web::{App, Failure, Public};

use super::Orderer;

/// What is answered over HTTP while a name is being proved.
#[derive(Clone, Default)]
pub struct Tokens(Arc<RwLock<HashMap<String, String>>>);

impl Tokens {
    pub(super) fn put(&self, token: &str, answer: &str) {
        self.0.write().insert(token.to_owned(), answer.to_owned());
    }

    pub(super) fn clear(&self) {
        self.0.write().clear();
    }

    fn answer(&self, token: &str) -> Response {
        match self.0.read().get(token) {
            Some(answer) => ([(header::CONTENT_TYPE, "application/octet-stream")], answer.clone()).into_response(),
            None => Failure::new(StatusCode::NOT_FOUND, 100_012, "there is no such path").into_response(),
        }
    }
}

impl Orderer {
    /// Shows, to who asks for this name by `acme-tls/1`, a certificate that holds the answer.
    pub(super) fn answer_by_tls(&self, name: &str, digest: &[u8]) -> anyhow::Result<()> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?;
        let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(self.certificates.prove(name, certificate.into(), private.into())?)
    }
}

/// The path at which an authority asks over HTTP.
pub fn router(tokens: Tokens, app: App) -> Router {
    let answer = async move |_: Public, Path(token): Path<String>| tokens.answer(&token);
    Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).with_state(app)
}
