//! A record that holds one JSON object, changed by merging.

use serde_json::{Map, Value};

use crate::{
    Error, Ports, Refusal, Result, merge,
    port::table::{Batch, Key, Record, Value as Stored, When, Write},
};

/// Tries against other changes of the same record at the same moment.
const TRIES: usize = 5;

/// Reads the record; empty if there is none.
pub(super) fn read(record: Option<&Record>) -> Result<Map<String, Value>> {
    let corrupt = || Error::Corrupt("document");
    let Some(record) = record else { return Ok(Map::new()) };
    serde_json::from_str(record.json("data").ok_or_else(corrupt)?).map_err(|_| corrupt())
}

/// Merges the changes in, up to so many bytes; `None` takes the record away. 1 get, 1 write.
pub(super) async fn update(ports: &Ports, key: Key, max_bytes: usize, changes: Option<Map<String, Value>>) -> Result<()> {
    let Some(changes) = changes else {
        ports.table.write(Batch::of(Write::Delete { key, when: When::Always })?).await?;
        return Ok(());
    };
    for _ in 0..TRIES {
        let before = ports.table.get(&key).await?;
        let mut data = read(before.as_ref())?;
        merge::merge(&mut data, changes.clone());
        let text = serde_json::to_string(&data).map_err(|_| Error::Corrupt("document"))?;
        if text.len() > max_bytes {
            return Err(Refusal::TooMuchData(format!("it may have {max_bytes} bytes")).into());
        }
        let unchanged = before.map_or(When::Absent, |record| When::Version(record.version));
        match ports.table.write(Batch::of(Write::put(key.clone(), [("data", Stored::Json(text))], unchanged))?).await {
            Err(error) if error.is_conflict() => {}
            done => return Ok(done.map(drop)?),
        }
    }
    Err(Refusal::TooManyTries.into())
}
