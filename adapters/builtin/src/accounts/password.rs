//! Passwords are kept as Argon2id hashes. Hashing is slow and wants memory by design, so only a few are
//! worked on at once, away from the threads that serve.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash};
use shared::port::identity::IdentityError;
use tokio::sync::Semaphore;

/// Hashes worked on at once: 19 MiB each.
const AT_ONCE: usize = 4;
/// A hash of no password that anybody can type, checked where there is no account.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(super) struct Hasher {
    turns: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Hasher {
    /// The hash of a password, in PHC form, with a random salt.
    pub(super) async fn hash(&self, password: &str) -> Result<String, IdentityError> {
        let password = password.to_owned();
        self.work(move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(IdentityError::engine))
            .await?
    }

    /// Is it the password of this hash? Takes as long without a hash, or with the empty one of an account
    /// that has no password.
    pub(super) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, IdentityError> {
        // Longer than any password can be: not worth the work, and no account's.
        if password.len() > 4 * 256 {
            return Ok(false);
        }
        let password = password.to_owned();
        let hash = hash.filter(|hash| !hash.is_empty()).unwrap_or(NOBODY).to_owned();
        self.work(move || {
            let hash = PasswordHash::new(&hash).map_err(IdentityError::engine)?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await?
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, IdentityError> {
        let _turn = self.turns.acquire().await.map_err(IdentityError::engine)?;
        tokio::task::spawn_blocking(work).await.map_err(IdentityError::engine)
    }
}
