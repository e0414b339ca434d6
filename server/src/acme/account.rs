//! The account with the authority.

use anyhow::{Context as _, anyhow};
use instant_acme::{Account, AccountBuilder, AccountCredentials, Error, NewAccount};
use serde::{Deserialize, Serialize};

use super::Orderer;
use crate::files::{self, Readers};

/// `account.json`.
#[derive(Deserialize, Serialize)]
pub(super) struct Kept {
    directory: String,
    credentials: AccountCredentials,
}

impl Orderer {
    /// The account that is kept, if it is one with this authority.
    pub(super) fn kept_account(&self) -> anyhow::Result<Option<Kept>> {
        let path = self.folder.join("account.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| anyhow!("{} is damaged: remove it", path.display()))?;
        Ok(Some(kept).filter(|kept| kept.directory == self.directory))
    }

    /// The account that is kept, or a new one.
    pub(super) async fn account(&self) -> anyhow::Result<Account> {
        match self.kept_account()? {
            Some(kept) => Ok(self.client()?.from_credentials(kept.credentials).await?),
            None => self.new_account().await,
        }
    }

    /// A new account, kept.
    pub(super) async fn new_account(&self) -> anyhow::Result<Account> {
        let contact = self.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.as_deref().into_iter().collect();
        // The settings say that the owner agrees.
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = self.client()?.create(&new, self.directory.clone(), None).await?;
        let kept = Kept { directory: self.directory.clone(), credentials };
        let path = self.folder.join("account.json");
        files::replace(&path, &serde_json::to_vec(&kept)?, Readers::Owner).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(account)
    }

    fn client(&self) -> anyhow::Result<AccountBuilder> {
        match &self.ca {
            Some(ca) => Account::builder_with_root(ca).with_context(|| format!("{} can't be used as a CA", ca.display())),
            None => Account::builder().context("the system's trusted CAs can't be read"),
        }
    }
}

/// Does the authority not know the account?
pub(super) fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist"))
}
