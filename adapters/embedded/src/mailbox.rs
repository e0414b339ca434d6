//! The port `Mail` as a folder: one text file for each letter, for a person or a program that reads it on
//! the machine itself.
//!
//! A file's name begins with the time, so the order of names is that of arrival. A letter is written under
//! another name, brought to disk and renamed, so that what has a letter's name is whole. Only the newest
//! [`KEPT`] letters are kept.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use builtin::clock::SystemClock;
use parking_lot::Mutex;
use shared::port::{
    clock::Clock,
    mail::{Letter, Mail, MailError},
};
use time::OffsetDateTime;

/// Letters that are kept.
pub const KEPT: usize = 1_000;
/// What a letter's file name ends in.
const ENDING: &str = ".txt";
/// No letter takes so long to be written.
const PART_AGE: Duration = Duration::from_mins(1);

/// A mailbox folder to which letters are delivered. One process delivers; any may read.
pub struct Mailbox {
    shelf: Arc<Mutex<Shelf>>,
}

impl Mailbox {
    /// The folder, which is made if there is none, for its owner alone.
    pub fn open(folder: &Path) -> io::Result<Self> {
        crate::folder::make(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if Path::new(&entry.file_name()).extension().is_some_and(|ending| ending == "part") && is_left(&entry) {
                // Another process may do the same.
                let _ = fs::remove_file(entry.path());
            }
        }
        let names: VecDeque<_> = names(folder)?.into();
        let last = names.back().and_then(|name| place(name)).unwrap_or_default();
        Ok(Self { shelf: Arc::new(Mutex::new(Shelf { folder: folder.to_owned(), names, last })) })
    }
}

/// Was it left by a process that was killed? One that is being written is young.
fn is_left(entry: &fs::DirEntry) -> bool {
    let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|at| at.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age > PART_AGE)
}

#[async_trait]
impl Mail for Mailbox {
    async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let shelf = Arc::clone(&self.shelf);
        let put = tokio::task::spawn_blocking(move || shelf.lock().put(&letter, SystemClock.now_ms()));
        match put.await {
            Ok(done) => done.map_err(|error| MailError(Box::new(error))),
            Err(error) => Err(MailError(Box::new(error))),
        }
    }
}

struct Shelf {
    folder: PathBuf,
    /// The letters' files, oldest first.
    names: VecDeque<String>,
    /// The place of the newest: the time in ms, and its number within that.
    last: (i64, u32),
}

impl Shelf {
    fn put(&mut self, letter: &Letter, now: i64) -> io::Result<()> {
        // The order of names is that of arrival even if the clock is set back.
        let place = if now > self.last.0 { (now, 0) } else { (self.last.0, self.last.1 + 1) };
        let name = format!("{:014}-{:06}{ENDING}", place.0, place.1);
        let part = self.folder.join(format!("{name}.part"));
        write(&part, text(letter, now).as_bytes())
            .and_then(|()| fs::rename(&part, self.folder.join(&name)))
            .inspect_err(|_| drop(fs::remove_file(&part)))?;
        if cfg!(unix) {
            File::open(&self.folder)?.sync_all()?;
        }
        self.last = place;
        self.names.push_back(name);
        while self.names.len() > KEPT {
            if let Some(oldest) = self.names.pop_front() {
                // Somebody may have removed it already.
                let _ = fs::remove_file(self.folder.join(oldest));
            }
        }
        Ok(())
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn text(letter: &Letter, now: i64) -> String {
    // A header is one line, whatever is put into it.
    let line = |text: &str| text.replace(char::is_control, " ");
    let mut head = format!("To: {}\nSubject: {}\nDate: {}\n", line(&letter.to), line(&letter.subject), date(now));
    if let Some(code) = &letter.code {
        head = format!("{head}Code: {}\n", line(code));
    }
    format!("{head}\n{}\n", letter.text.trim_end())
}

fn date(ms: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)) else { return String::new() };
    let (date, time) = (at.date(), at.time());
    let clock = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    format!("{:04}-{:02}-{:02}T{clock}Z", date.year(), u8::from(date.month()), date.day())
}

/// A letter as it lies in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its file's name; the order of names is that of arrival.
    pub name: String,
    /// When it arrived, ms since the epoch.
    pub arrived: i64,
    /// The same, as `2026-11-21T12:00:00Z`.
    pub date: String,
    /// The letter.
    pub letter: Letter,
}

/// The names of the letters in a mailbox folder, oldest first. A folder that does not exist holds none.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok().filter(|name| place(name).is_some()));
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads one letter; `None` if it is gone.
pub fn read(folder: &Path, name: &str) -> io::Result<Option<Stored>> {
    match fs::read_to_string(folder.join(name)) {
        Ok(text) => Ok(Some(parse(name, &text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes one letter out; it may be gone.
pub fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn place(name: &str) -> Option<(i64, u32)> {
    let (ms, number) = name.strip_suffix(ENDING)?.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}

fn parse(name: &str, text: &str) -> Stored {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.find_map(|(name, value)| (name == wanted).then(|| value.to_owned()))
    };
    let letter = Letter {
        to: header("To").unwrap_or_default(),
        subject: header("Subject").unwrap_or_default(),
        text: body.trim_end().to_owned(),
        code: header("Code"),
    };
    let arrived = place(name).map_or(0, |(ms, _)| ms);
    Stored { name: name.to_owned(), arrived, date: header("Date").unwrap_or_default(), letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_262_400_123;

    /// A folder of the test's own, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("raincloud-mailbox-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn letter(to: &str, code: Option<&str>) -> Letter {
        let text = "Your code is below.\n\nTo: nobody\nBye".to_owned();
        Letter { to: to.to_owned(), subject: "Confirm your account".to_owned(), text, code: code.map(ToOwned::to_owned) }
    }

    fn all(folder: &Path) -> Vec<Stored> {
        names(folder).unwrap().iter().filter_map(|name| read(folder, name).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_letter_comes_back_as_it_was_sent() {
        let folder = Folder::new("sent");
        let mailbox = Mailbox::open(&folder.0).unwrap();
        for sent in [letter("a@x.io", Some("012345")), letter("b@x.io", None)] {
            mailbox.send(sent).await.unwrap();
        }
        let letters: Vec<Letter> = all(&folder.0).into_iter().map(|stored| stored.letter).collect();
        assert_eq!(letters, [letter("a@x.io", Some("012345")), letter("b@x.io", None)]);
    }

    #[test]
    fn a_header_is_one_line_and_people_can_read_the_file() {
        let text = text(&letter("a@x.io\r\nCode: 666666", Some("1\n2")), NOW);
        let begins =
            "To: a@x.io  Code: 666666\nSubject: Confirm your account\nDate: 2026-11-21T12:00:00Z\nCode: 1 2\n\nYour code is below.\n";
        assert!(text.starts_with(begins), "{text}");
        assert_eq!(parse("x", &text).letter.code.as_deref(), Some("1 2"));
    }

    #[test]
    fn order_holds_when_the_clock_is_set_back_also_after_a_restart() {
        let folder = Folder::new("order");
        let put =
            |number: &str, now: i64| Mailbox::open(&folder.0).unwrap().shelf.lock().put(&letter("a@x.io", Some(number)), now).unwrap();
        put("1", NOW);
        put("2", NOW);
        put("3", NOW - 3_600_000);
        put("4", NOW + 1);
        let codes: Vec<_> = all(&folder.0).into_iter().filter_map(|stored| stored.letter.code).collect();
        assert_eq!(codes, ["1", "2", "3", "4"]);
    }

    #[test]
    fn only_the_newest_letters_are_kept_and_nothing_else_is_touched() {
        let folder = Folder::new("kept");
        Mailbox::open(&folder.0).unwrap();
        for number in 0..KEPT {
            fs::write(folder.0.join(format!("{NOW:014}-{number:06}.txt")), "To: a@x.io\n\nx\n").unwrap();
        }
        fs::write(folder.0.join("notes.txt"), "mine").unwrap();
        fs::write(folder.0.join("00-0.txt.part"), "half").unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * PART_AGE;
        File::options().write(true).open(folder.0.join("00-0.txt.part")).unwrap().set_modified(long_ago).unwrap();
        fs::write(folder.0.join("00-1.txt.part"), "being written").unwrap();
        let mailbox = Mailbox::open(&folder.0).unwrap();
        mailbox.shelf.lock().put(&letter("a@x.io", None), NOW + 1).unwrap();
        let names = names(&folder.0).unwrap();
        assert_eq!(names.len(), KEPT);
        assert_eq!(names[0], format!("{NOW:014}-000001.txt"));
        assert!(folder.0.join("notes.txt").exists() && !folder.0.join("00-0.txt.part").exists());
        assert!(folder.0.join("00-1.txt.part").exists());
    }

    #[cfg(unix)]
    #[test]
    fn letters_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("mode");
        Mailbox::open(&folder.0).unwrap().shelf.lock().put(&letter("a@x.io", None), NOW).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.0), 0o700);
        assert_eq!(mode(&folder.0.join(&names(&folder.0).unwrap()[0])), 0o600);
    }
}
