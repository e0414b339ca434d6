//! What may name a user, and what may be a password (contract `rest-1.md`, `POST /v1/user2`).

use std::str::FromStr;

use crate::Refusal;

/// The names of guests end so.
const GUESTS: &str = ".temp.user";

/// A user's name: an e-mail address. Two names that differ in letter case are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a guest's account (contract `rest-4-schemas.md`, `GuestLoginSuccessResponse`); letters
    /// don't get there.
    pub fn guest(id: &str) -> Result<Self, Refusal> {
        format!("guest@{id}{GUESTS}").parse()
    }

    /// Is it a guest's?
    pub fn is_guest(&self) -> bool {
        self.folded().ends_with(GUESTS)
    }

    /// Refuses a guest's name: it has neither a password nor letters.
    pub(super) fn must_be_letterbox(&self) -> Result<(), Refusal> {
        if self.is_guest() { Err(Refusal::NotForGuests) } else { Ok(()) }
    }

    /// The form by which names are compared.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for UserName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Refusal::UserNameMissing);
        }
        if text.starts_with('+') && text[1..].bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::NoPhoneNumbers);
        }
        if is_email(text) { Ok(Self(text.to_owned())) } else { Err(Refusal::NotAnEmail) }
    }
}

/// As strict as is certain: one `@`, a local part, a domain of labels. Whether the address exists is
/// shown by the code that is sent there.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let visible =
        |char: char| !char.is_whitespace() && !char.is_control() && !matches!(char, '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"' | '\\');
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|char| char.is_alphanumeric() || char == '-')
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.chars().all(visible)
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// A password that is good enough: 8 to 256 characters without white space, with a capital letter, a
/// small one and a digit.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let has = |test: fn(char) -> bool| text.chars().any(test);
        let good = (8..=256).contains(&text.chars().count())
            && !has(char::is_whitespace)
            && has(char::is_uppercase)
            && has(char::is_lowercase)
            && has(|char| char.is_ascii_digit());
        if good { Ok(Self(text.to_owned())) } else { Err(Refusal::WeakPassword) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_email_addresses() {
        for good in ["a@x.io", " A.b+c~d@mail.example.com ", "ä@exämple.org"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", Refusal::UserNameMissing),
            ("+15550100", Refusal::NoPhoneNumbers),
            ("a@x", Refusal::NotAnEmail),
            ("@x.io", Refusal::NotAnEmail),
            ("a b@x.io", Refusal::NotAnEmail),
            ("a@@x.io", Refusal::NotAnEmail),
            ("a@x..io", Refusal::NotAnEmail),
            ("a\r\nBcc:b@x.io", Refusal::NotAnEmail),
        ] {
            assert_eq!(bad.parse::<UserName>(), Err(why), "{bad}");
        }
        assert_eq!("A@X.io".parse::<UserName>().unwrap().folded(), "a@x.io");
    }

    #[test]
    fn passwords_need_length_and_three_kinds() {
        assert!("Passw0rd".parse::<Password>().is_ok());
        for bad in ["Passw0r", "passw0rd", "PASSW0RD", "Password", "Passw0rd x", &"Aa1".repeat(86)] {
            assert!(bad.parse::<Password>().is_err(), "{bad}");
        }
    }
}
