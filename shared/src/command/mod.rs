//! Commands to nodes: the answers come on `from-node`, where nodes also ask for what waits for them (contract
//! `mqtt-and-node.md` §2.12).

pub mod message;
