//! The letters.

use shared::{
    port::{identity::Purpose, mail::Letter},
    user::name::{Password, UserName},
};

use super::code::CODE_SECONDS;

/// The letter that brings the code to the address.
pub(super) fn with_code(to: &UserName, purpose: Purpose, code: String) -> Letter {
    let (what, unless) = match purpose {
        Purpose::SignUp => ("confirmation code", "did not sign up"),
        Purpose::LogIn => ("code for logging in", "are not logging in"),
        Purpose::Reset => ("code for a new password", "did not ask for a new password"),
        Purpose::Delete => ("code for deleting your account, with all that belongs to it,", "do not want to delete your account"),
        Purpose::Convert => ("confirmation code", "did not give this address"),
        Purpose::DeleteOther => ("code for deleting an account", "do not want to delete an account"),
    };
    let subject = match purpose {
        Purpose::SignUp | Purpose::Convert => "Your confirmation code",
        Purpose::LogIn => "Your code for logging in",
        Purpose::Reset => "Your code for a new password",
        Purpose::Delete => "Your code for deleting your account",
        Purpose::DeleteOther => "Your code for deleting an account",
    };
    let minutes = CODE_SECONDS / 60;
    Letter {
        to: to.as_str().to_owned(),
        subject: subject.to_owned(),
        text: format!("Your {what} is {code}. It is good for {minutes} minutes.\n\nIf you {unless}, ignore this letter.\n"),
        code: Some(code),
    }
}

/// The letter that brings whoever administers the code for deleting that account.
pub(super) fn with_deletion_code(to: &UserName, account: &UserName, code: String) -> Letter {
    let letter = with_code(to, Purpose::DeleteOther, code);
    let what = format!("The account is {}; all that belongs to it will be deleted too.\n\n{}", account.as_str(), letter.text);
    Letter { text: what, ..letter }
}

/// The letter that welcomes somebody whose account was made for them.
pub(super) fn welcome(to: &UserName, password: &Password) -> Letter {
    let (name, password) = (to.as_str(), password.reveal());
    Letter {
        to: name.to_owned(),
        subject: "Your account".to_owned(),
        text: format!(
            "An account was made for you.\n\nUser name: {name}\nPassword: {password}\n\nPlease change the password once you have logged in.\n"
        ),
        code: None,
    }
}
