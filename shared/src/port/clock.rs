//! The ports `Clock` and `Ids`: time and chance, so that the domain has neither of its own.

/// The time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;

    /// Seconds since the Unix epoch.
    fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// Chance.
pub trait Ids: Send + Sync + 'static {
    /// A new id: 22 characters of `[A-Za-z0-9]`, about 131 random bits, so also fit for a secret.
    fn id(&self) -> String;

    /// A confirmation code: 6 decimal digits, each value equally likely.
    fn code(&self) -> String;
}
