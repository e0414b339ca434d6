//! Who may do what. Only this module can make a [`Grant`]; domain functions take grants, not node
//! ids, so a check that was forgotten does not compile.
//!
//! * [`caller`]: who is calling, proved by a token;
//! * [`role`]: the roles as types, and which of them a user has by their association with a node;
//! * [`grant`]: the proof that somebody may act on a node in a role;
//! * [`association`], [`holders`]: the records behind it, of the user's side and of the node's;
//! * [`membership`]: the same for a group: the records, and the proof;
//! * [`admin`]: the proof that somebody may administer the cloud.
//!
//! A grant cannot be forged:
//! ```compile_fail
//! use shared::access::{Grant, role::Primary};
//! let node = "node1".parse().unwrap();
//! let forged: Grant<Primary> = Grant { node, role: std::marker::PhantomData };
//! ```
//! nor a caller:
//! ```compile_fail
//! use shared::access::Caller;
//! let forged = Caller { claims: panic!() };
//! ```
//! nor a grant for a group:
//! ```compile_fail
//! use shared::access::{membership::GroupGrant, role::Primary};
//! let role = std::marker::PhantomData;
//! let forged: GroupGrant<Primary> = GroupGrant { group: panic!(), user: panic!(), by: panic!(), membership: panic!(), role };
//! ```
//! nor the right to administer:
//! ```compile_fail
//! use shared::{access::Admin, port::identity::Privilege};
//! let forged = Admin { caller: None, privilege: Privilege::SuperAdmin };
//! ```
//! and a weaker grant is not taken for a stronger one:
//! ```compile_fail
//! use shared::access::{Grant, role::{Primary, Secondary}};
//! fn remove_node(_: &Grant<Primary>) {}
//! fn weaker(grant: &Grant<Secondary>) { remove_node(grant) }
//! ```
//! while the same code with the right role does compile:
//! ```
//! use shared::access::{Grant, role::Primary};
//! fn remove_node(_: &Grant<Primary>) {}
//! fn right(grant: &Grant<Primary>) { remove_node(grant) }
//! ```

pub mod admin;
pub mod association;
pub mod caller;
pub mod grant;
pub mod holders;
pub mod membership;
pub mod role;

pub use admin::{Admin, SuperAdmin};
pub use caller::Caller;
pub use grant::{Grant, Load};
pub use membership::GroupGrant;
