//! Writes that count by their arrival time, also where the clock was once ahead of itself: a value that
//! is stored with a time of the future would shut out all that arrive until then.

use crate::{
    Ports, Result,
    port::table::{Batch, Merge, Record, Write},
};

/// How far in the future a stored time must lie before the clock counts as set back.
pub(crate) const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Which stored times give way to a write that is older than they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yield {
    /// Those of the future: the write may be late or repeated.
    Future,
    /// All: the write is made now and once.
    All,
}

/// Writes the Merge, whose `newer_than` is the arrival, and returns the record as it was. 1 write; 1
/// more if stored times give way.
pub(crate) async fn write(ports: &Ports, merge: Merge, gives_way: Yield) -> Result<Option<Record>> {
    let before = ports.table.write(Batch::of(Write::Merge(merge.clone()))?).await?;
    let times = before.iter().flat_map(|record| &record.fields).filter(|(name, _)| merge.changes.contains_key(*name));
    let newest = times.filter_map(|(_, field)| field.at).max();
    let bound = match gives_way {
        Yield::Future => Some(ports.clock.now_ms() + CLOCK_TOLERANCE_MS + 1),
        Yield::All => merge.newer_than,
    };
    match newest {
        Some(newest) if Some(newest) >= bound && Some(newest) >= merge.newer_than => {
            ports.table.write(Batch::of(Write::Merge(merge.newer_than(newest + 1)))?).await?;
        }
        _ => {}
    }
    Ok(before)
}
