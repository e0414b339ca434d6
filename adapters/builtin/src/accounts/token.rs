//! Tokens: JWTs signed with ES256. Claims and form are what clients decode (contract `clients.md` D1 to
//! D3); they use the wrong base64 alphabet, so the payload is written such that both give the same.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::ErrorKind,
    signature::{self, Verifier},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    id::UserId,
    port::identity::{Claims, IdentityError, Privilege},
};

use super::{Result, keys::SigningKey, published::PublicKey};

/// Seconds for which id and access tokens are good.
pub(super) const TOKEN_SECONDS: i64 = 3600;
/// Whom tokens are for that no other client asked for.
pub(super) const OWN_CLIENT: &str = shared::oauth::client::OWN;

/// Whom tokens are for.
pub(super) struct Subject<'a> {
    pub(super) user_id: &'a UserId,
    pub(super) user_name: &'a str,
    pub(super) session: &'a str,
    pub(super) began: i64,
    pub(super) privilege: Privilege,
    pub(super) client: &'a str,
    pub(super) nonce: Option<&'a str>,
}

/// An id token and an access token.
pub(super) fn issue(key: &SigningKey, issuer: &str, of: &Subject<'_>, now: i64, jti: &str) -> Result<(String, String)> {
    let common = json!({
        "sub": of.user_id.as_str(),
        "iss": issuer,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "auth_time": of.began,
        "jti": jti,
        "origin_jti": of.session,
        "custom:admin": of.privilege >= Privilege::Admin,
        "custom:maintainer": of.privilege == Privilege::SuperAdmin,
    });
    let mut id = json!({
        "token_use": "id",
        "aud": of.client,
        "email": of.user_name,
        "email_verified": true,
        "cognito:username": of.user_id.as_str(),
        "custom:user_id": of.user_id.as_str(),
    });
    if let Some(nonce) = of.nonce {
        id["nonce"] = nonce.into();
    }
    let access = json!({
        "token_use": "access",
        "client_id": of.client,
        "scope": "aws.cognito.signin.user.admin",
        "version": 2,
        "username": of.user_name,
    });
    Ok((sign(key, &common, id)?, sign(key, &common, access)?))
}

fn sign(key: &SigningKey, common: &Value, own: Value) -> Result<String> {
    let mut claims = common.clone();
    if let (Value::Object(claims), Value::Object(own)) = (&mut claims, own) {
        claims.extend(own);
    }
    let header = json!({ "alg": "ES256", "kid": key.public.kid, "typ": "JWT" });
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(plain(&claims.to_string())));
    let signature = key.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| IdentityError::engine("signing did not work"))?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
}

/// ASCII alone, and no character that could put `-` or `_` into base64: `>`, `?`, `~` and DEL as the
/// third of three bytes are the only ones that do.
fn plain(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, char| {
        if char.is_ascii() && !matches!(char, '>' | '?' | '~' | '\u{7f}') {
            out.push(char);
        } else {
            out.extend(char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")));
        }
        out
    })
}

#[derive(Deserialize)]
struct Access {
    sub: String,
    token_use: String,
    username: String,
    origin_jti: String,
    iat: i64,
    exp: i64,
    #[serde(rename = "custom:admin")]
    admin: bool,
    #[serde(rename = "custom:maintainer")]
    maintainer: bool,
}

/// The name of the key that a token says is its.
pub(super) fn kid(token: &str) -> Result<String> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| IdentityError::InvalidToken)?;
    header.kid.ok_or(IdentityError::InvalidToken)
}

/// Checks an access token with the key that it says is its: form, algorithm, signature, issuer, use and time;
/// when it was issued comes back beside what it says.
pub(super) fn verify(key: &PublicKey, issuers: &[&str], token: &str, now: i64) -> Result<(Claims, i64)> {
    let invalid = |_| IdentityError::InvalidToken;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(issuers);
    validation.set_required_spec_claims(&["iss", "sub"]);
    // The time is compared below: with the port's clock, and without leeway.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let access: Access = jsonwebtoken::decode(token, &DecodingKey::from_ec_der(&key.point), &validation).map_err(invalid)?.claims;
    if access.token_use != "access" || access.exp <= now {
        return Err(IdentityError::InvalidToken);
    }
    let user_id = access.sub.parse().map_err(|_| IdentityError::InvalidToken)?;
    let user_name = access.username.parse().map_err(|_| IdentityError::InvalidToken)?;
    let privilege = match (access.admin, access.maintainer) {
        (true, true) => Privilege::SuperAdmin,
        (true, false) => Privilege::Admin,
        _ => Privilege::None,
    };
    Ok((Claims { user_id, user_name, session: access.origin_jti, privilege }, access.iat))
}

/// The token library takes its cryptography from outside: here `ring`, for the one algorithm in use.
static CRYPTO: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::ES256 => Ok(Box::new(Es256(key.try_get_as_bytes()?.to_vec()))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes [`CRYPTO`] the library's, once in a process.
pub(super) fn install_crypto() {
    // An error says that it is installed already.
    let _ = CRYPTO.install_default();
}

struct Es256(Vec<u8>);

impl Verifier<Vec<u8>> for Es256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0).verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

    fn key(kid: &str) -> SigningKey {
        install_crypto();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        SigningKey::of(kid.to_owned(), pkcs8.as_ref()).unwrap()
    }

    fn tokens(key: &SigningKey, name: &str, now: i64) -> (String, String) {
        let user_id = "u1".parse().unwrap();
        issue(
            key,
            "https://here",
            &Subject {
                user_id: &user_id,
                user_name: name,
                session: "s1",
                began: now,
                privilege: Privilege::Admin,
                client: OWN_CLIENT,
                nonce: None,
            },
            now,
            "j1",
        )
        .unwrap()
    }

    #[test]
    fn an_access_token_says_who_it_is_for_until_it_expires() {
        let key = key("k");
        let (_, access) = tokens(&key, "a@x.io", 1000);
        let (claims, issued) = verify(&key.public, &["https://here"], &access, 1000).unwrap();
        assert_eq!((claims.user_id.as_str(), claims.user_name.as_str(), claims.session.as_str()), ("u1", "a@x.io", "s1"));
        assert_eq!((claims.privilege, issued), (Privilege::Admin, 1000));
        assert!(verify(&key.public, &["https://here"], &access, 1000 + TOKEN_SECONDS - 1).is_ok());
        assert!(verify(&key.public, &["https://here"], &access, 1000 + TOKEN_SECONDS).is_err());
    }

    #[test]
    fn what_is_not_our_access_token_is_refused() {
        let (own, other) = (key("k"), key("k"));
        let (id, access) = tokens(&own, "a@x.io", 1000);
        let (_, foreign) = tokens(&other, "a@x.io", 1000);
        let parts: Vec<_> = access.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k"}"#);
        let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k"}"#);
        let changed = URL_SAFE_NO_PAD.encode(String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap().replace("u1", "u2"));
        for bad in [
            id,
            foreign,
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{hmac}.{}.{}", parts[1], parts[2]),
            format!("{}.{changed}.{}", parts[0], parts[2]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{}.{}.", parts[0], parts[1]),
            String::new(),
            "a.b.c".to_owned(),
        ] {
            assert!(verify(&own.public, &["https://here"], &bad, 1000).is_err(), "{bad}");
        }
        assert!(verify(&own.public, &["https://there"], &access, 1000).is_err());
        assert_eq!(kid(&access).unwrap(), "k");
        assert!(["a.b.c", "", &URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#)].iter().all(|bad| kid(bad).is_err()));
    }

    #[test]
    fn payloads_read_the_same_in_either_base64_alphabet() {
        let key = key("k");
        for name in ["a@x.io", "a~b@x.io", "aa~b@x.io", "aaa~b?>@x.io", "jürgen@exämple.org", "😀@x.io", "\u{7f}>>>???~~~@x.io"] {
            let (id, access) = tokens(&key, name, 1_790_000_000);
            for token in [id, access] {
                let payload = token.split('.').nth(1).unwrap().to_owned();
                assert!(!payload.contains(['-', '_']), "{name}: {payload}");
                let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&payload).unwrap()).unwrap();
                assert_eq!(claims.get("email").or(claims.get("username")).unwrap(), name);
            }
        }
    }
}
