//! The public key as others read it: a JSON Web Key Set (RFC 7517, 7518).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::published::PublicKey;

/// `{"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":…,"x":…,"y":…}]}`
pub(super) fn of(key: &PublicKey) -> Value {
    // An uncompressed point is 0x04 and two coordinates of 32 bytes.
    let coordinate = |from: usize| key.point.get(from..from + 32).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "use": "sig",
        "alg": "ES256",
        "kid": key.kid,
        "x": coordinate(1),
        "y": coordinate(33),
    }] })
}
