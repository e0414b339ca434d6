//! The user signs in with a password, on our page.

use super::{Request, Result, code};
use crate::{Ports, user::name::UserName};

/// Where the browser goes back to, with a code. Beside the session 1 write.
pub async fn with_password(ports: &Ports, request: &Request, name: &UserName, password: &str) -> Result<String> {
    let tokens = ports.identity.sign_in(name, password).await?;
    Ok(request.granted(&code::issue(ports, request, tokens).await?))
}
