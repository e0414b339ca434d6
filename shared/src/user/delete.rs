//! Deleting an account, in two steps: the code, and the end of all that belongs to the user. The account is
//! closed first, so that nobody enters it meanwhile, and forgotten last; if this ends in between,
//! [`finish`] goes on.

use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        association::{self, Association, NODE_PREFIX},
    },
    group,
    id::UserId,
    mapping,
    port::{
        identity::{IdentityError, Leaving, Privilege, Purpose},
        table::{Batch, MAX_WRITES, Query, TableId, When, Write},
    },
    sharing,
};

/// Has the code sent; a guest, who gets no letters, is deleted at once.
pub async fn request(ports: &Ports, caller: &Caller) -> Result<()> {
    if caller.user_name().is_guest() {
        return delete(ports, caller).await;
    }
    stays(ports, caller).await?;
    ports.identity.send_code(caller.user_name(), Purpose::Delete).await?;
    Ok(())
}

/// Deletes the account with the code.
pub async fn confirm(ports: &Ports, caller: &Caller, code: &str) -> Result<()> {
    stays(ports, caller).await?;
    ports.identity.check_deletion(caller.claims(), code.trim()).await.map_err(refused)?;
    delete(ports, caller).await
}

/// Here the contract has refusals of its own for codes.
pub(super) fn refused(error: IdentityError) -> crate::Error {
    match error {
        IdentityError::WrongCode => Refusal::WrongDeletionCode.into(),
        IdentityError::NoCode => Refusal::NoDeletionRequest.into(),
        IdentityError::CodeSpent => Refusal::DeletionCodeSpent.into(),
        error => error.into(),
    }
}

/// The cloud must not lose the account that can administer it.
async fn stays(ports: &Ports, caller: &Caller) -> Result<()> {
    // Of the account, since a session may be older than the privilege.
    let account = ports.identity.find(caller.user_name()).await?;
    let stays = account.is_some_and(|account| account.privilege == Privilege::SuperAdmin);
    if stays { Err(Refusal::SuperAdminStays.into()) } else { Ok(()) }
}

async fn delete(ports: &Ports, caller: &Caller) -> Result<()> {
    let account = ports.identity.close(caller.user_name()).await?;
    forget(ports, &account).await
}

/// Goes on with what was not finished, and with guests whose time has passed; how many accounts were
/// forgotten. Harmless beside itself.
pub async fn finish(ports: &Ports) -> Result<usize> {
    let mut forgotten = 0;
    loop {
        let accounts = ports.identity.leaving().await?;
        let (all, before) = (accounts.len(), forgotten);
        for account in accounts {
            // One that can't be forgotten holds back no other.
            match forget(ports, &account).await {
                Ok(()) => forgotten += 1,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, user = %account.user_id, "an account that leaves could not be forgotten");
                }
            }
        }
        if forgotten - before < all || all == 0 {
            return Ok(forgotten);
        }
    }
}

/// The nodes and groups and what was offered of any, then the data, then the account itself.
pub(crate) async fn forget(ports: &Ports, account: &Leaving) -> Result<()> {
    leave_nodes(ports, &account.user_id).await?;
    sharing::forget::all(ports, &account.user_id).await?;
    group::remove::all_of(ports, &account.user_id).await?;
    loop {
        let query = Query::prefix(TableId::Users, super::partition(&account.user_id), "", MAX_WRITES);
        let page = ports.table.query(query).await?;
        let more = page.next.is_some();
        let writes: Vec<_> = page.records.into_iter().map(|record| Write::Delete { key: record.key, when: When::Always }).collect();
        if !writes.is_empty() {
            ports.table.write(Batch::new(writes)?).await?;
        }
        if !more {
            break;
        }
    }
    Ok(ports.identity.erase(account).await?)
}

async fn leave_nodes(ports: &Ports, user: &UserId) -> Result<()> {
    loop {
        let query = Query::prefix(TableId::Access, association::user_partition(user), NODE_PREFIX, MAX_WRITES);
        let page = ports.table.query(query).await?;
        for record in &page.records {
            mapping::remove::leave(ports, user, &Association::read(record)?.node).await?;
        }
        if page.records.is_empty() {
            return Ok(());
        }
    }
}
