//! Who may have users sign in here, and by whose accounts: made from the settings.

use std::sync::Arc;

use anyhow::Context as _;
use federation::{
    apple::AppleKey,
    github::{self, GitHub},
    http::Http,
    oidc::{self, Oidc, Proof},
};
use shared::{
    oauth::Oauth,
    port::{
        clock::Clock,
        federation::{Named, Provider, Providers},
    },
};

use crate::settings::{IdentityProvider, ProviderKind, Settings};

/// The clients, and the public URL.
pub fn oauth(settings: &Settings) -> anyhow::Result<Oauth> {
    let mut clients = Vec::with_capacity(settings.oauth_clients.len());
    for setting in &settings.oauth_clients {
        let client = setting.client()?;
        let twice = clients.iter().any(|known: &shared::oauth::Client| known.id == client.id);
        anyhow::ensure!(!twice, "there are two oauth-clients `{}`", client.id);
        clients.push(client);
    }
    Ok(Oauth::new(settings.public_url.0.clone(), clients))
}

/// The providers.
pub fn providers(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Providers> {
    if settings.identity_providers.is_empty() {
        return Ok(Providers::default());
    }
    anyhow::ensure!(settings.public_url.0.is_some(), "identity providers send browsers back here: set public-url");
    let http = Http::new().context("the system has no list of certificate authorities, so no identity provider can be asked")?;
    let mut named: Vec<Named> = Vec::with_capacity(settings.identity_providers.len());
    for setting in &settings.identity_providers {
        let name = setting.name()?;
        let provider = provider(setting, &http, clock).with_context(|| format!("identity-provider `{name}`"))?;
        anyhow::ensure!(named.iter().all(|known| !known.name.eq_ignore_ascii_case(name)), "there are two identity-providers `{name}`");
        let own = if setting.kind == ProviderKind::Apple { "Apple" } else { name };
        let label = setting.label.clone().unwrap_or_else(|| own.to_owned());
        named.push(Named { name: name.to_owned(), label, provider });
    }
    Ok(Providers::new(named))
}

fn provider(setting: &IdentityProvider, http: &Http, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Provider>> {
    let (http, client, secret) = (http.clone(), setting.client_id.as_str(), setting.secret()?);
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let scopes = setting.scopes.clone();
    Ok(match setting.kind {
        ProviderKind::Oidc => Arc::new(Oidc::new(http, &given(&setting.issuer), client, Proof::Secret(secret), scopes)?),
        ProviderKind::Google => Arc::new(Oidc::new(http, oidc::GOOGLE, client, Proof::Secret(secret), scopes)?),
        ProviderKind::Apple => {
            let key = AppleKey::new(&given(&setting.team_id), &given(&setting.key_id), &secret)?;
            Arc::new(Oidc::apple(http, client, key, Arc::clone(clock))?)
        }
        ProviderKind::GitHub => {
            let url = setting.url.as_deref().unwrap_or(github::PUBLIC);
            Arc::new(GitHub::new(http, url, client, &secret)?)
        }
    })
}
