//! The letters with codes.

use shared::{
    port::{identity::Purpose, mail::Letter},
    user::name::UserName,
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
    };
    let subject = match purpose {
        Purpose::SignUp | Purpose::Convert => "Your confirmation code",
        Purpose::LogIn => "Your code for logging in",
        Purpose::Reset => "Your code for a new password",
        Purpose::Delete => "Your code for deleting your account",
    };
    let minutes = CODE_SECONDS / 60;
    Letter {
        to: to.as_str().to_owned(),
        subject: subject.to_owned(),
        text: format!("Your {what} is {code}. It is good for {minutes} minutes.\n\nIf you {unless}, ignore this letter.\n"),
        code: Some(code),
    }
}
