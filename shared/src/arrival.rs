//! Writes that count by their arrival time, also where the clock was once ahead of itself: a value that
//! is stored with a time of the future would shut out all that arrive until then.

use crate::{
    Ports, Result,
    port::table::{Batch, Merge, Record, Write},
};

/// How far in the future a stored time must lie before the clock counts as set back.
pub(crate) const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Writes the Merge, whose `newer_than` is the arrival, and returns the record as it was. 1 write; 1 more
/// if stored times lie in the future, and give way.
pub(crate) async fn write(ports: &Ports, merge: Merge) -> Result<Option<Record>> {
    let before = ports.table.write(Batch::of(Write::Merge(merge.clone()))?).await?;
    let times = before.iter().flat_map(|record| &record.fields).filter(|(name, _)| merge.changes.contains_key(*name));
    let newest = times.filter_map(|(_, field)| field.at).max().unwrap_or(i64::MIN);
    if newest > ports.clock.now_ms() + CLOCK_TOLERANCE_MS && Some(newest) >= merge.newer_than {
        ports.table.write(Batch::of(Write::Merge(merge.newer_than(newest + 1)))?).await?;
    }
    Ok(before)
}
