//! What `SQLite` promises beyond the port: durability, one file for several processes, and failures
//! that hurt nobody else.

use std::{
    env, fs,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use embedded::sqlite::{OpenError, SnapshotError, SqliteTable, check, snapshot};
use futures_util::future::join_all;
use rusqlite::Connection;
use shared::port::{
    clock::Clock,
    table::{Batch, Merge, Query, Table, TableError, TableId, Value, When, Write},
};

use crate::support::{clock, file, folder, key, memory, put, value};

fn add(partition: &str) -> Batch {
    Batch::of(Write::Merge(Merge::new(key(partition, "a")).add("f", 1))).unwrap()
}

fn count(path: &std::path::Path) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM record", (), |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_returned_is_on_disk() {
    let path = file("durable");
    let clock = clock();
    let table = SqliteTable::open(&path, clock.clone()).unwrap();
    join_all((0..100).map(|number| table.write(put(&key("p", &format!("{number:02}")), number)))).await;
    // A copy of the files as they are on disk right now, as after a loss of power.
    let copy = folder("durable-copy");
    for name in ["raincloud.db", "raincloud.db-wal"] {
        fs::copy(path.with_file_name(name), copy.join(name)).unwrap();
    }
    let copied = SqliteTable::open(&copy.join("raincloud.db"), clock.clone()).unwrap();
    let page = copied.query(Query::prefix(TableId::Nodes, "p", "", 1000)).await.unwrap();
    assert_eq!(page.records.len(), 100);

    drop(table);
    let again = SqliteTable::open(&path, clock).unwrap();
    for number in 0..100 {
        assert_eq!(value(&again, &key("p", &format!("{number:02}"))).await, Some(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_has_queued_into_one_file() {
    let path = file("close");
    let table = SqliteTable::open(&path, clock()).unwrap();
    let mut writes: Vec<_> = (0..500).map(|number| table.write(put(&key("p", &number.to_string()), number))).collect();
    for write in &mut writes {
        assert!(futures_util::poll!(write).is_pending());
    }
    table.close().await;
    assert!(join_all(writes).await.iter().all(Result::is_ok));
    assert_eq!(count(&path), 500);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["raincloud.db"]);

    // Later calls fail, and closing twice is fine.
    assert!(matches!(table.write(put(&key("p", "z"), 1)).await, Err(TableError::Engine { retry: false, .. })));
    assert!(matches!(table.get(&key("p", "1")).await, Err(TableError::Engine { retry: false, .. })));
    assert!(table.get_now(&key("p", "1")).is_err());
    table.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_writes_what_has_queued() {
    let path = file("drop");
    let table = Arc::new(SqliteTable::open(&path, clock()).unwrap());
    for number in 0..300 {
        let mut write = Box::pin(table.write(put(&key("p", &number.to_string()), number)));
        // Nobody waits for it, but it has its place.
        assert!(futures_util::poll!(&mut write).is_pending());
    }
    drop(table);
    assert_eq!(count(&path), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn order_holds_up_to_a_full_queue() {
    let path = file("full");
    let table = SqliteTable::open(&path, clock()).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // More than the queue holds, while the writer cannot move; each depends on the one before.
    let mut writes = Vec::new();
    let mut refused = Vec::new();
    for number in 0..20_000 {
        let when = if number == 0 { When::Absent } else { When::FieldEq("f".to_owned(), Value::Int(number - 1)) };
        let mut write = table.write(Batch::of(Write::put(key("p", "a"), [("f", number)], when)).unwrap());
        match futures_util::poll!(&mut write) {
            Poll::Pending => writes.push(write),
            Poll::Ready(outcome) => refused.push(outcome),
        }
        if number == 0 {
            // The writer has it and waits for the lock.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    assert_eq!(writes.len(), 1 + 16_384);
    assert_eq!(refused.len(), 20_000 - writes.len());
    assert!(refused.iter().all(|outcome| matches!(outcome, Err(TableError::Engine { retry: true, .. }))));
    other.execute_batch("ROLLBACK").unwrap();
    writes.reverse();
    assert!(join_all(writes).await.iter().all(Result::is_ok));
    assert_eq!(value(&table, &key("p", "a")).await, Some(16_384));
}

#[test]
fn get_now_needs_no_runtime() {
    for table in [SqliteTable::open(&file("get-now"), clock()).unwrap(), SqliteTable::memory(clock()).unwrap()] {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(table.write(put(&key("p", "a"), 7))).unwrap();
        drop(runtime);
        assert_eq!(table.get_now(&key("p", "a")).unwrap().unwrap().int("f"), Some(7));
        assert_eq!(table.get_now(&key("p", "b")).unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_serves_two_tables() {
    let path = file("two");
    let tables = [(); 2].map(|()| SqliteTable::open(&path, clock()).unwrap());
    let adds = (0..400).map(|number| tables[number % 2].write(add("p")));
    assert!(join_all(adds).await.iter().all(Result::is_ok));
    for table in &tables {
        assert_eq!(value(table, &key("p", "a")).await, Some(400));
    }
    // Either sees at once what the other wrote.
    for number in 0..50 {
        tables[0].write(put(&key("p", "b"), number)).await.unwrap();
        assert_eq!(value(&tables[1], &key("p", "b")).await, Some(number));
    }
}

const CHILD: &str = "RAINCLOUD_TEST_FILE";

#[tokio::test(flavor = "multi_thread")]
async fn one_file_serves_several_processes() {
    let path = file("processes");
    let children: Vec<_> = (0..3)
        .map(|_| {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "sqlite::another_process", "--ignored"]).env(CHILD, &path).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    // All of them find no database, and one makes it.
    let table = SqliteTable::open(&path, clock()).unwrap();
    for _ in 0..100 {
        table.write(add("p")).await.unwrap();
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(value(&table, &key("p", "a")).await, Some(400));
}

#[tokio::test]
#[ignore = "started by the test above"]
async fn another_process() {
    if let Some(path) = env::var_os(CHILD) {
        let table = SqliteTable::open(path.as_ref(), clock()).unwrap();
        for _ in 0..100 {
            table.write(add("p")).await.unwrap();
        }
        table.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_error_fails_the_whole_transaction_and_no_other() {
    let path = file("failure");
    let table = SqliteTable::open(&path, clock()).unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER fail BEFORE INSERT ON record WHEN NEW.sort = 'fail' BEGIN SELECT RAISE(ABORT, 'on purpose'); END;
             BEGIN IMMEDIATE",
        )
        .unwrap();
    // The writer waits with the first alone; the rest become one transaction.
    let mut first = table.write(put(&key("p", "first"), 1));
    assert!(futures_util::poll!(&mut first).is_pending());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sorts = ["a", "b", "fail", "c"];
    let mut writes: Vec<_> = sorts.iter().map(|sort| table.write(put(&key("p", sort), 1))).collect();
    for write in &mut writes {
        assert!(futures_util::poll!(write).is_pending());
    }
    other.execute_batch("ROLLBACK").unwrap();
    first.await.unwrap();
    for outcome in join_all(writes).await {
        let error = outcome.unwrap_err();
        assert!(matches!(error, TableError::Engine { retry: false, .. }));
        assert!(error.to_string().contains("on purpose"), "{error}");
    }
    for sort in sorts {
        assert_eq!(value(&table, &key("p", sort)).await, None);
    }
    table.write(put(&key("p", "a"), 2)).await.unwrap();
    assert_eq!(value(&table, &key("p", "a")).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_lasts_is_worth_a_retry() {
    let path = file("busy");
    let table = SqliteTable::open(&path, clock()).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = table.write(put(&key("p", "a"), 1)).await;
    assert!(matches!(outcome, Err(TableError::Engine { retry: true, .. })), "{outcome:?}");
    // Readers do not mind.
    assert_eq!(value(&table, &key("p", "a")).await, None);
    other.execute_batch("ROLLBACK").unwrap();
    table.write(put(&key("p", "a"), 1)).await.unwrap();
}

/// A clock that panics on demand: a way to make the writer itself panic.
struct Bomb(AtomicBool);

impl Clock for Bomb {
    fn now_ms(&self) -> i64 {
        assert!(!self.0.load(Ordering::SeqCst), "on purpose");
        1_000_000_000
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_leaves_nobody_waiting() {
    let bomb = Arc::new(Bomb(AtomicBool::new(false)));
    for table in [SqliteTable::open(&file("panic"), bomb.clone()).unwrap(), SqliteTable::memory(bomb.clone()).unwrap()] {
        table.write(put(&key("p", "a"), 1)).await.unwrap();
        bomb.0.store(true, Ordering::SeqCst);
        let outcomes = join_all((0..20).map(|number| table.write(put(&key("p", "a"), number)))).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(TableError::Engine { .. }))));
        bomb.0.store(false, Ordering::SeqCst);
        assert_eq!(value(&table, &key("p", "a")).await, Some(1));
        table.write(put(&key("p", "a"), 2)).await.unwrap();
        assert_eq!(value(&table, &key("p", "a")).await, Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_records_are_swept() {
    let path = file("sweep");
    let clock = clock();
    let table = SqliteTable::open(&path, clock.clone()).unwrap();
    let until = |number: i64, expires: Option<i64>| Write::Put {
        key: key("p", &number.to_string()),
        fields: [("f".to_owned(), Value::Int(number))].into(),
        expires,
        when: When::Always,
    };
    for hundred in 0..12 {
        let writes = (0..100).map(|number| until(hundred * 100 + number, Some(1_000_000 + 10 + hundred * 10)));
        table.write(Batch::new(writes.collect()).unwrap()).await.unwrap();
    }
    table.write(Batch::of(until(-1, None)).unwrap()).await.unwrap();
    assert_eq!(count(&path), 1201);
    clock.set(1_000_100_000);
    // Nothing is seen of the thousand expired ones before the sweep either.
    let seen = async || table.query(Query::prefix(TableId::Nodes, "p", "", 2000)).await.unwrap().records.len();
    assert_eq!(seen().await, 201);
    // The sweep that follows the last answer may have seen the new time.
    assert!([1201, 701].contains(&count(&path)), "{}", count(&path));
    // Portion by portion. The sweep follows the answer to a write, so another one waits for it.
    for most in [702, 202, 202] {
        table.write(put(&key("q", "a"), 1)).await.unwrap();
        table.write(Batch::of(Write::Check { key: key("q", "a"), when: When::Always }).unwrap()).await.unwrap();
        assert!(count(&path) <= most, "{}", count(&path));
    }
    assert_eq!(count(&path), 202);
    assert_eq!(seen().await, 201);
    // A clock set back, even far, hurts nothing.
    clock.set(0);
    table.write(put(&key("q", "a"), 2)).await.unwrap();
    assert_eq!(value(&table, &key("p", "-1")).await, Some(-1));
    clock.set(i64::MIN);
    table.write(put(&key("q", "a"), 3)).await.unwrap();
    clock.set(i64::MAX);
    table.write(put(&key("q", "a"), 4)).await.unwrap();
    table.close().await;
    assert_eq!(count(&path), 2);
}

#[tokio::test]
async fn a_row_can_be_read_by_a_person() {
    let path = file("row");
    let table = SqliteTable::open(&path, clock()).unwrap();
    let fields = [("t", Value::Json("27.30000".to_owned())), ("b", Value::Bytes(vec![0xff, 0xfe])), ("s", "x".into())];
    table.write(Batch::of(Write::put(key("n", "params"), fields, When::Always)).unwrap()).await.unwrap();
    let late = Merge::new(key("n", "params")).set("on", true).set("n", 5).remove("s").newer_than(1_753_000_000_000);
    table.write(Batch::of(Write::Merge(late)).unwrap()).await.unwrap();
    let other = Connection::open(&path).unwrap();
    let row = "SELECT tbl || ' ' || partition || ' ' || sort || ' ' || fields FROM record";
    let row: String = other.query_row(row, (), |row| row.get(0)).unwrap();
    assert_eq!(
        row,
        r#"nodes n params {"b":{"bytes":"//4="},"n":{"int":5,"at":1753000000000},"on":{"bool":true,"at":1753000000000},"s":{"at":1753000000000},"t":{"json":"27.30000"}}"#
    );
    let by_path: i64 = other.query_row("SELECT fields ->> '$.n.int' FROM record", (), |row| row.get(0)).unwrap();
    assert_eq!(by_path, 5);

    // A damaged row fails alone.
    other.execute("UPDATE record SET fields = '{'", ()).unwrap();
    let error = table.get(&key("n", "params")).await.unwrap_err();
    assert!(matches!(error, TableError::Engine { retry: false, .. }) && error.to_string().contains("damaged"), "{error}");
    let merge = Batch::of(Write::Merge(Merge::new(key("n", "params")).set("n", 1))).unwrap();
    let (bad, good) = tokio::join!(table.write(merge), table.write(put(&key("n", "other"), 1)));
    assert!(bad.is_err());
    good.unwrap();
    table.write(put(&key("n", "params"), 1)).await.unwrap();
}

fn refusal(path: &std::path::Path) -> OpenError {
    let error = SqliteTable::open(path, clock()).err().unwrap();
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.is_empty(), "{text}");
    error
}

#[test]
fn what_cannot_be_opened_is_told_clearly() {
    // A newer schema: nothing is changed.
    let path = file("newer");
    drop(SqliteTable::open(&path, clock()).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::NewerSchema { found: 1000, known: 3 }), "{error}");
    assert_eq!(error.to_string(), "the database has schema 1000, but this program knows only 3: use a newer program");
    assert_eq!(fs::read(&path).unwrap(), before);

    // No database, or another program's.
    let path = file("foreign");
    fs::write(&path, "just text, and more than a hundred bytes of it, so that it could have been a header".repeat(9)).unwrap();
    assert!(matches!(refusal(&path), OpenError::Foreign(_)));
    let path = file("another");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE record (x)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(refusal(&path), OpenError::Foreign(_)));
    assert_eq!(fs::read(&path).unwrap(), before);

    // No folder; a folder.
    let missing = folder("missing").join("none").join("raincloud.db");
    assert!(matches!(refusal(&missing), OpenError::Io { .. }));
    assert!(refusal(&missing).to_string().contains("No such file"));
    assert!(matches!(refusal(&folder("folder")), OpenError::Engine { .. }));

    // Another process's exclusive lock.
    let path = file("locked");
    drop(SqliteTable::open(&path, clock()).unwrap());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; PRAGMA user_version = 1; COMMIT").unwrap();
    let start = Instant::now();
    assert!(matches!(refusal(&path), OpenError::Locked(_)));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let path = file("mode");
    let table = SqliteTable::open(&path, clock()).unwrap();
    for name in ["raincloud.db", "raincloud.db-wal"] {
        assert_eq!(fs::metadata(path.with_file_name(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    drop(table);

    // Root may write whatever the file says.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_err() {
        assert!(matches!(refusal(&path), OpenError::Permission(_)));
    }
}

#[tokio::test]
async fn an_empty_file_is_a_new_database() {
    let path = file("empty");
    fs::write(&path, "").unwrap();
    let table = SqliteTable::open(&path, clock()).unwrap();
    table.write(put(&key("p", "a"), 1)).await.unwrap();
    // Databases in memory are apart.
    let (one, two) = (memory(&clock()), memory(&clock()));
    one.write(put(&key("p", "a"), 1)).await.unwrap();
    assert_eq!(value(&*two, &key("p", "a")).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_of_one_moment_while_others_write() {
    let path = file("snapshot");
    let table = Arc::new(SqliteTable::open(&path, clock()).unwrap());
    // Enough for several steps.
    join_all((0..200).map(|number| {
        let text = "x".repeat(50_000);
        table.write(Batch::of(Write::put(key("fill", &number.to_string()), [("f", text)], When::Always)).unwrap())
    }))
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (table, stop) = (Arc::clone(&table), Arc::clone(&stop));
        async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                // Two records that are always the same.
                let both = ["a", "b"].map(|sort| Write::put(key("pair", sort), [("f", number)], When::Always));
                table.write(Batch::new(both.to_vec()).unwrap()).await.unwrap();
            }
            number
        }
    });
    let copies = folder("snapshot-copies");
    for round in 0..5 {
        table.write(put(&key("before", "a"), round)).await.unwrap();
        let (from, to) = (path.clone(), copies.join(format!("{round}.db")));
        let mut steps = 0;
        let copied = tokio::task::spawn_blocking(move || {
            let told = &mut |_, _| {
                steps += 1;
                std::thread::sleep(Duration::from_millis(5));
                true
            };
            snapshot(&from, &to, told).map(|schema| (schema, to, steps))
        });
        let (schema, to, steps) = copied.await.unwrap().unwrap();
        assert!(steps > 1, "{steps}");
        assert_eq!(check(&to).unwrap(), schema);
        assert!(["-wal", "-shm", "-journal"].iter().all(|end| !copies.join(format!("{round}.db{end}")).exists()), "it is one file");
        let copy = SqliteTable::open(&to, clock()).unwrap();
        assert_eq!(value(&copy, &key("before", "a")).await, Some(round), "what returned before is in it");
        assert_eq!(value(&copy, &key("pair", "a")).await, value(&copy, &key("pair", "b")).await);
        copy.close().await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writing.await.unwrap() > 5, "nobody waited for a copy");
}

#[test]
fn a_copy_that_is_not_wanted_or_not_good_is_none() {
    let path = file("snapshot-bad");
    drop(SqliteTable::open(&path, clock()).unwrap());
    let connection = Connection::open(&path).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                INSERT INTO record SELECT 'nodes', i, 'x', 1, NULL, printf('%08000d', i) FROM n";
    connection.execute(fill, ()).unwrap();
    drop(connection);
    let to = path.with_file_name("copy.db");
    assert!(matches!(snapshot(&path, &to, &mut |_, _| false), Err(SnapshotError::Stopped)));
    assert!(!to.exists());
    snapshot(&path, &to, &mut |_, _| true).unwrap();
    assert!(matches!(snapshot(&path, &to, &mut |_, _| true), Err(SnapshotError::Write { .. })), "it is there already");

    let mut bytes = fs::read(&to).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&to, bytes).unwrap();
    assert!(check(&to).is_err());
    let copy = path.with_file_name("copy-of-damaged.db");
    assert!(snapshot(&to, &copy, &mut |_, _| true).is_err() && !copy.exists());
    fs::write(&copy, "").unwrap();
    assert!(matches!(check(&copy), Err(SnapshotError::Open(OpenError::Foreign(_)))));
    assert!(snapshot(&path.with_file_name("none.db"), &path.with_file_name("x.db"), &mut |_, _| true).is_err());
}
