//! Commands to nodes.

pub mod ask;
pub mod cancel;
pub mod list;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{Refusal, command::cancel::Which};

/// What a query names.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Named {
    /// A request.
    request_id: Option<String>,
    /// A node.
    node_id: Option<String>,
    /// A command's number.
    #[schemars(with = "Option<u16>")]
    cmd_id: Option<String>,
}

impl Named {
    fn read(&self) -> Result<Which, Refusal> {
        let Self { request_id, node_id, cmd_id } = self;
        Ok(Which {
            request: request_id.as_ref().map(|id| id.parse().map_err(|_| Refusal::CommandFilterMissing)).transpose()?,
            node: node_id.as_ref().map(|id| id.parse().map_err(|_| Refusal::InvalidCommandNode)).transpose()?,
            cmd: cmd_id.as_ref().map(|cmd| cmd.parse().map_err(|_| Refusal::InvalidCommandId)).transpose()?,
        })
    }
}
