//! Settings that are tables: OAuth clients and identity providers. As a flag or in a variable they are JSON.

use std::{env, fmt, fs, path::PathBuf, str::FromStr};

use anyhow::Context as _;
use serde::{Deserialize, de::DeserializeOwned};
use shared::oauth::{Client, Redirect, Secret};

/// A program that may have users sign in here.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OauthClient {
    id: String,
    redirects: Vec<String>,
    #[serde(default)]
    secret: Option<Hidden>,
    #[serde(default)]
    secret_file: Option<PathBuf>,
    #[serde(default)]
    secret_env: Option<String>,
}

/// A provider by whose accounts users sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IdentityProvider {
    /// Which kind it is.
    #[serde(rename = "type")]
    pub kind: ProviderKind,
    /// What clients call it; each kind but `oidc` has a name of its own.
    #[serde(default)]
    pub name: Option<String>,
    /// What its button says.
    #[serde(default)]
    pub label: Option<String>,
    /// Who we are there.
    pub client_id: String,
    /// The issuer, for `oidc`.
    #[serde(default)]
    pub issuer: Option<String>,
    /// A GitHub other than the public one.
    #[serde(default)]
    pub url: Option<String>,
    /// Scopes beside `openid` and `email`, for `oidc`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// For Apple.
    #[serde(default)]
    pub team_id: Option<String>,
    /// For Apple.
    #[serde(default)]
    pub key_id: Option<String>,
    #[serde(default)]
    secret: Option<Hidden>,
    #[serde(default)]
    secret_file: Option<PathBuf>,
    #[serde(default)]
    secret_env: Option<String>,
}

/// The kinds of providers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Any issuer of OpenID Connect.
    Oidc,
    /// Google.
    Google,
    /// Apple.
    Apple,
    /// GitHub.
    GitHub,
}

/// Text that is not shown.
#[derive(Clone, Deserialize)]
struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

impl OauthClient {
    /// The client, with its secret from where that is kept.
    pub fn client(&self) -> anyhow::Result<Client> {
        let what = || format!("oauth-client `{}`", self.id);
        let secret = read(self.secret.as_ref(), self.secret_file.as_ref(), self.secret_env.as_ref()).with_context(what)?;
        let secret = secret.map(|secret| secret.parse::<Secret>()).transpose();
        let redirects = self.redirects.iter().map(|uri| uri.parse::<Redirect>()).collect::<Result<_, _>>();
        Ok(Client {
            id: self.id.clone(),
            redirects: redirects.map_err(anyhow::Error::msg).with_context(what)?,
            secret: secret.map_err(anyhow::Error::msg).with_context(what)?,
        })
    }
}

impl IdentityProvider {
    /// The name, given or the kind's own: those of the contract (`node-claim-superadmin.md` §3.1).
    pub fn name(&self) -> anyhow::Result<&str> {
        let own = match self.kind {
            ProviderKind::Oidc => None,
            ProviderKind::Google => Some("Google"),
            ProviderKind::Apple => Some("SignInWithApple"),
            ProviderKind::GitHub => Some("GitHub"),
        };
        self.name.as_deref().or(own).context("an identity-provider of type oidc needs a name")
    }

    /// The secret; for Apple the private key.
    pub fn secret(&self) -> anyhow::Result<String> {
        let secret = read(self.secret.as_ref(), self.secret_file.as_ref(), self.secret_env.as_ref())?;
        secret.context("one of secret, secret-file and secret-env is needed")
    }
}

/// From the one place that is given.
fn read(secret: Option<&Hidden>, file: Option<&PathBuf>, variable: Option<&String>) -> anyhow::Result<Option<String>> {
    let text = match (secret, file, variable) {
        (None, None, None) => return Ok(None),
        (Some(secret), None, None) => secret.0.clone(),
        (None, Some(file), None) => fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
        (None, None, Some(name)) => env::var(name).map_err(|_| anyhow::anyhow!("the variable {name} is not set"))?,
        _ => anyhow::bail!("secret, secret-file and secret-env exclude each other"),
    };
    Ok(Some(text.trim().to_owned()))
}

/// What is quoted of it could be a secret, so only what is wrong is told.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
        _ => "it is not JSON".to_owned(),
    })
}

impl FromStr for OauthClient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let client: Self = parse(text)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(1..=128).contains(&client.id.len()) || !client.id.bytes().all(plain) {
            return Err("id is 1 to 128 letters, digits, `-`, `.`, `_` or `~`".to_owned());
        }
        for uri in &client.redirects {
            uri.parse::<Redirect>().map_err(|why| format!("{uri}: {why}"))?;
        }
        if client.redirects.is_empty() { Err("redirects is empty".to_owned()) } else { Ok(client) }
    }
}

impl FromStr for IdentityProvider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let provider: Self = parse(text)?;
        let needs = match provider.kind {
            ProviderKind::Oidc if provider.name.is_none() => Some("name"),
            ProviderKind::Oidc if provider.issuer.is_none() => Some("issuer"),
            ProviderKind::Apple if provider.team_id.is_none() => Some("team-id"),
            ProviderKind::Apple if provider.key_id.is_none() => Some("key-id"),
            _ => None,
        };
        if let Some(needs) = needs {
            return Err(format!("{needs} is missing"));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        match provider.name.as_deref() {
            Some(name) if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) => {
                Err("name is 1 to 64 letters, digits, `-`, `.` or `_`".to_owned())
            }
            _ => Ok(provider),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_need_an_id_and_addresses_that_are_safe() {
        let good = r#"{"id":"app","redirects":["rainmaker://x/success","http://localhost/"]}"#;
        assert_eq!(good.parse::<OauthClient>().unwrap().client().unwrap().redirects.len(), 2);
        for (bad, says) in [
            ("{", "it is not JSON"),
            (r#"{"redirects":[]}"#, "missing field `id`"),
            (r#"{"id":"a b","redirects":["https://a.io/"]}"#, "id is 1 to 128"),
            (r#"{"id":"a","redirects":[]}"#, "redirects is empty"),
            (r#"{"id":"a","redirects":["http://a.io/"]}"#, "http://a.io/: a redirect address is"),
            (r#"{"id":"a","redirects":["https://a.io/"],"secrets":"x"}"#, "unknown field `secrets`"),
        ] {
            let error = bad.parse::<OauthClient>().unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[test]
    fn a_secret_comes_from_one_place_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "0123456789abcdef01234567\n").unwrap();
        let of = |more: &str| {
            let text = format!(r#"{{"id":"a","redirects":["https://a.io/"],{more}}}"#);
            text.parse::<OauthClient>().unwrap()
        };
        let client = of(&format!(r#""secret-file":"{}""#, file.display())).client().unwrap();
        assert!(shared::oauth::Oauth::new(None, vec![client]).authenticate("a", Some("0123456789abcdef01234567")).is_ok());
        assert!(of(r#""secret":"short""#).client().is_err());
        assert!(of(r#""secret":"0123456789abcdef01234567","secret-env":"X""#).client().is_err());
        assert!(of(r#""secret-file":"/nowhere/x""#).client().is_err());
        assert!(!format!("{:?}", of(r#""secret":"0123456789abcdef01234567""#)).contains("0123"));
    }

    #[test]
    fn providers_need_what_their_kind_needs() {
        let of = |text: &str| text.parse::<IdentityProvider>();
        assert_eq!(of(r#"{"type":"google","client-id":"x","secret":"s"}"#).unwrap().name().unwrap(), "Google");
        assert_eq!(of(r#"{"type":"github","client-id":"x","secret":"s"}"#).unwrap().name().unwrap(), "GitHub");
        for (bad, says) in [
            (r#"{"type":"oidc","client-id":"x","secret":"s"}"#, "name is missing"),
            (r#"{"type":"oidc","name":"work","client-id":"x"}"#, "issuer is missing"),
            (r#"{"type":"oidc","name":"a b","issuer":"https://i","client-id":"x"}"#, "name is 1 to 64"),
            (r#"{"type":"apple","client-id":"x"}"#, "team-id is missing"),
            (r#"{"type":"wechat","client-id":"x"}"#, "unknown variant `wechat`"),
            (r#"{"type":"google"}"#, "missing field `client-id`"),
        ] {
            let error = of(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
