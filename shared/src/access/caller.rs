//! Who is calling: made from a token and from nothing else.

use crate::{
    Ports, Result,
    id::UserId,
    port::identity::{Claims, Privilege},
    user::name::UserName,
};

/// A user whose access token was verified.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: Claims,
}

impl Caller {
    /// The caller of this `Authorization` header: the bare token (contract `clients.md` D1); the word
    /// `Bearer` before it does no harm.
    pub async fn of(ports: &Ports, authorization: &str) -> Result<Self> {
        let token = authorization.trim();
        let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
        Ok(Self { claims: ports.identity.verify(token).await? })
    }

    /// The user's id.
    pub fn user_id(&self) -> &UserId {
        &self.claims.user_id
    }

    /// The user's name, an e-mail address.
    pub fn user_name(&self) -> &UserName {
        &self.claims.user_name
    }

    /// What the account may do beside what its associations allow.
    pub fn privilege(&self) -> Privilege {
        self.claims.privilege
    }

    /// What the token says, for acts on the caller's own account.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }
}
