//! The storage port on `DynamoDB`, as the local emulator plays it.
//!
//! The emulator is started from `.venv-aws`, which `make` installs, and ends with these tests;
//! `RAINCLOUD_EMULATOR` names the endpoint of one that runs already.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod random;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod support;
#[cfg(test)]
mod troubles;
