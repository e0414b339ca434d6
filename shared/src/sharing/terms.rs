//! What somebody gets with nodes that are offered, and what who offers keeps.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Refusal,
    access::{holders::Place, role::RoleName},
};

/// Bytes of what an application says with an offer. It is kept for each node, in the one record of its users.
pub const MAX_METADATA: usize = 4 * 1024;

/// The terms of an offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// What the other becomes.
    pub place: Place,
    /// Who offers gives their own place away.
    pub transfer: bool,
    /// What they are after that; `None`: nothing.
    pub new_role: Option<RoleName>,
}

impl Terms {
    /// The terms of a request.
    ///
    /// Refusals: [`Refusal::InvalidSubRole`], [`Refusal::InvalidNewRole`], [`Refusal::NewRoleWithoutTransfer`],
    /// [`Refusal::InvalidBody`], [`Refusal::TooMuchData`].
    pub fn new(
        primary: bool,
        sub_role: Option<i64>,
        metadata: Option<Box<RawValue>>,
        transfer: bool,
        new_role: Option<&str>,
    ) -> Result<Self, Refusal> {
        let sub_role = match sub_role {
            None => None,
            Some(sub_role @ 1..=4) => u8::try_from(sub_role).ok(),
            Some(_) => return Err(Refusal::InvalidSubRole),
        };
        let new_role = match new_role.filter(|role| !role.is_empty()) {
            None => None,
            Some(_) if !transfer => return Err(Refusal::NewRoleWithoutTransfer),
            Some("secondary") => Some(RoleName::Secondary),
            Some(_) => return Err(Refusal::InvalidNewRole),
        };
        if metadata.as_ref().is_some_and(|metadata| metadata.get().len() > MAX_METADATA) {
            return Err(Refusal::TooMuchData(format!("metadata has at most {MAX_METADATA} bytes")));
        }
        if metadata.as_ref().is_some_and(|metadata| !is_object(metadata)) {
            return Err(Refusal::InvalidBody("metadata is an object".to_owned()));
        }
        // Only a primary user can give their own place away.
        let role = if primary || transfer { RoleName::Primary } else { RoleName::Secondary };
        Ok(Self { place: Place { role, sub_role, metadata }, transfer, new_role })
    }

    /// What who offers is to the nodes after a transfer, if anything.
    pub(super) fn left(&self) -> Option<Place> {
        self.new_role.map(Place::plain)
    }
}

/// Also finds what is nested more deeply than readers of JSON follow.
fn is_object(text: &RawValue) -> bool {
    serde_json::from_str::<serde_json::Value>(text.get()).is_ok_and(|value| value.is_object())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_make_no_sense_are_refused() {
        let raw = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap());
        let terms = Terms::new(false, Some(4), raw(r#"{"k":1.50}"#), false, None).unwrap();
        assert_eq!((terms.place.role, terms.place.sub_role), (RoleName::Secondary, Some(4)));
        assert_eq!(terms.place.metadata.as_ref().unwrap().get(), r#"{"k":1.50}"#);
        assert!(!terms.transfer && terms.left().is_none());
        let given = Terms::new(false, None, None, true, Some("secondary")).unwrap();
        assert_eq!(given.place.role, RoleName::Primary);
        assert!(given.left().unwrap().is(&Place::plain(RoleName::Secondary)));
        assert!(Terms::new(false, None, None, true, Some("")).unwrap().left().is_none());
        for (sub_role, metadata, transfer, new_role, why) in [
            (Some(0), None, false, None, Refusal::InvalidSubRole),
            (Some(5), None, false, None, Refusal::InvalidSubRole),
            (None, None, true, Some("primary"), Refusal::InvalidNewRole),
            (None, None, false, Some("secondary"), Refusal::NewRoleWithoutTransfer),
            (None, raw("[1]"), false, None, Refusal::InvalidBody("metadata is an object".to_owned())),
        ] {
            assert_eq!(Terms::new(true, sub_role, metadata, transfer, new_role).unwrap_err(), why);
        }
        let long = raw(&format!(r#"{{"k":"{}"}}"#, "x".repeat(MAX_METADATA)));
        assert!(matches!(Terms::new(true, None, long, false, None), Err(Refusal::TooMuchData(_))));
    }
}
