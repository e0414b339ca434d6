//! The storage port on `SQLite`.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod random;
#[cfg(test)]
mod sqlite;
mod steps;
#[cfg(test)]
mod support;
