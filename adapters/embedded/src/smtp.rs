//! The port `Mail` over SMTP. A letter is safe in the outbox folder when [`Mail::send`] returns, and goes out
//! from there: nobody waits for the mail server, and one that is away for a while loses nothing but what has
//! become useless, or is more than the outbox keeps.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use builtin::clock::SystemClock;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox as Address, header::ContentType},
    transport::smtp,
};
use shared::port::{
    clock::Clock as _,
    mail::{Letter, Mail, MailError},
};
use tokio::sync::Notify;

use crate::mailbox::{self, Mailbox, Stored};

/// The first pause after the mail server did not take a letter; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// A letter that did not get out by then has become useless: its code has expired.
const OLDEST_MS: i64 = 3_600_000;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where letters go out, and from whom they are.
#[derive(Clone)]
pub struct Settings {
    /// `smtps://` (TLS from the beginning) or `smtp://…?tls=required` (STARTTLS), with user and password,
    /// host and port; `smtp://` without TLS for this machine alone.
    pub url: String,
    /// The sender: `cloud@example.org` or `Cloud <cloud@example.org>`.
    pub from: String,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL.
    #[error("the SMTP URL is not valid: {0}")]
    Url(#[source] smtp::Error),
    /// No TLS, and another machine.
    #[error("letters with codes must not cross the network in the clear: use smtps:// or add ?tls=required")]
    Clear,
    /// The sender.
    #[error("the sender is no e-mail address: {0}")]
    From(#[source] lettre::address::AddressError),
    /// The outbox folder.
    #[error("the outbox cannot be opened: {0}")]
    Outbox(#[from] io::Error),
}

/// Takes letters.
pub struct Smtp {
    outbox: Mailbox,
    wake: Arc<Notify>,
}

/// Brings letters out; to be run beside.
pub struct Delivery {
    folder: PathBuf,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    wake: Arc<Notify>,
}

/// Opens the outbox folder.
pub fn open(folder: &Path, settings: &Settings) -> Result<(Smtp, Delivery), SettingsError> {
    let secure = settings.url.starts_with("smtps://") || settings.url.contains("tls=required");
    let host = settings.url.split_once("://").map_or("", |(_, rest)| rest.rsplit('@').next().unwrap_or(rest));
    let own = ["localhost", "127.", "[::1]"].iter().any(|loopback| host.starts_with(loopback));
    if !secure && !own {
        return Err(SettingsError::Clear);
    }
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url).map_err(SettingsError::Url)?;
    let transport = transport.timeout(Some(TIMEOUT)).build();
    let from = settings.from.parse().map_err(SettingsError::From)?;
    let wake = Arc::new(Notify::new());
    let outbox = Mailbox::open(folder)?;
    Ok((Smtp { outbox, wake: Arc::clone(&wake) }, Delivery { folder: folder.to_owned(), transport, from, wake }))
}

#[async_trait]
impl Mail for Smtp {
    async fn send(&self, letter: Letter) -> Result<(), MailError> {
        self.outbox.send(letter).await?;
        self.wake.notify_one();
        Ok(())
    }
}

/// What became of a letter.
enum Outcome {
    Gone,
    Useless(String),
    /// This one has to wait.
    Later(String),
    /// All have to: the mail server is away, or takes none of ours.
    Away(String),
}

impl Delivery {
    /// Runs until it is dropped. A letter may go out twice if the process ends between its going and its
    /// removal; it is never lost.
    pub async fn run(self) {
        let mut pause = PAUSE;
        loop {
            match self.deliver_all().await {
                Ok(()) => {
                    pause = PAUSE;
                    self.wake.notified().await;
                }
                Err(why) => {
                    tracing::warn!(why, pause = pause.as_secs(), "letters wait for the mail server");
                    // A new letter is tried at once: what waits may be the trouble of another.
                    if tokio::time::timeout(pause, self.wake.notified()).await.is_err() {
                        pause = (2 * pause).min(LONGEST_PAUSE);
                    }
                }
            }
        }
    }

    /// Brings out what is there, oldest first. A letter that has to wait holds back no other; the reason of
    /// one comes back.
    async fn deliver_all(&self) -> Result<(), String> {
        let mut waits = Ok(());
        for name in mailbox::names(&self.folder).map_err(|error| error.to_string())? {
            let stored = match mailbox::read(&self.folder, &name) {
                Ok(Some(stored)) => stored,
                Ok(None) => continue,
                Err(error) => {
                    waits = Err(error.to_string());
                    continue;
                }
            };
            match self.deliver(&stored).await {
                Outcome::Gone => {}
                Outcome::Useless(why) => tracing::error!(why, "a letter could not be delivered and is given up"),
                Outcome::Later(why) => {
                    waits = Err(why);
                    continue;
                }
                Outcome::Away(why) => return Err(why),
            }
            mailbox::remove(&self.folder, &name).map_err(|error| error.to_string())?;
        }
        waits
    }

    async fn deliver(&self, stored: &Stored) -> Outcome {
        if stored.arrived + OLDEST_MS < SystemClock.now_ms() {
            return Outcome::Useless("it waited too long".to_owned());
        }
        let Letter { to, subject, text, .. } = &stored.letter;
        let Ok(to) = to.parse() else { return Outcome::Useless("its address is none".to_owned()) };
        let message = Message::builder().from(self.from.clone()).to(to).subject(subject.as_str()).header(ContentType::TEXT_PLAIN);
        match message.body(text.clone()) {
            Err(error) => Outcome::Useless(error.to_string()),
            Ok(message) => match self.transport.send(message).await {
                Ok(_) => Outcome::Gone,
                Err(error) => judge(&error),
            },
        }
    }
}

/// What a failure says of the letter, and what of us.
fn judge(error: &smtp::Error) -> Outcome {
    let why = error.to_string();
    // Replies to our greeting or login (RFC 5321, RFC 4954) say nothing of the letter.
    let ours = error.status().is_some_and(|code| [421, 454, 530, 534, 535, 538].contains(&u16::from(code)));
    match error {
        _ if ours => Outcome::Away(why),
        // Of the letter itself, such as an address that this mail server cannot write.
        error if error.is_permanent() || error.is_client() => Outcome::Useless(why),
        error if error.is_transient() => Outcome::Later(why),
        _ => Outcome::Away(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn codes_do_not_cross_the_network_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let settings = |url: &str, from: &str| Settings { url: url.to_owned(), from: from.to_owned() };
        for good in
            ["smtps://u:p@mail.example.org", "smtp://mail.example.org:587?tls=required", "smtp://localhost:25", "smtp://127.0.0.1:25"]
        {
            assert!(open(folder.path(), &settings(good, "Cloud <cloud@example.org>")).is_ok(), "{good}");
        }
        for bad in ["smtp://mail.example.org", "smtp://localhost@mail.example.org", "http://localhost", "mail.example.org", ""] {
            assert!(open(folder.path(), &settings(bad, "cloud@example.org")).is_err(), "{bad}");
        }
        assert!(matches!(open(folder.path(), &settings("smtp://localhost", "nobody")), Err(SettingsError::From(_))));
    }
}
