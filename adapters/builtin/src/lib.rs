//! The ports that need no engine of their own, so that they run wherever the others do: beside a broker on one
//! machine, or in a function.
//!
//! * [`accounts`]: the port `Identity` over `Table`;
//! * [`clock`]: the ports `Clock` and `Ids` from the operating system.

pub mod accounts;
pub mod clock;
