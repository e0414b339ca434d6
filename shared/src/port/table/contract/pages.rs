//! Queries: ranges, order, pages and cursors.

use super::{Harness, START, begin, done, key, put, put_until, there};
use crate::port::table::{Cursor, Direction, Key, MAX_PAGE_BYTES, Page, Query, Range, Record, Table, TableId, When, Write};

pub(super) async fn all(harness: &Harness) {
    pages(harness).await;
    byte_order(harness).await;
    ranges(harness).await;
    cursors(harness).await;
    expired_records_do_not_count(harness).await;
    bounded_by_bytes(harness).await;
    partitions_are_apart(harness).await;
}

const BOTH: [Direction; 2] = [Direction::Forward, Direction::Back];

fn query(partition: &str, range: Range, direction: Direction, limit: usize) -> Query {
    Query { range, direction, ..Query::prefix(TableId::Nodes, partition, "", limit) }
}

fn everything() -> Range {
    Range::Prefix(String::new())
}

fn sorts(page: &Page) -> Vec<&str> {
    page.records.iter().map(|record| record.key.sort.as_str()).collect()
}

/// Walks to the end; each cursor goes through its text. Checks that only the last page is short, and
/// that it alone says that nothing is left.
async fn walk(table: &dyn Table, mut query: Query) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    loop {
        let page = table.query(query.clone()).await.unwrap();
        assert!(page.records.len() <= query.limit);
        let last = page.records.last().map(|record| Cursor::at(record.key.sort.clone()));
        found.extend(page.records.iter().cloned());
        let Some(next) = page.next else { return found };
        assert_eq!((page.records.len(), Some(&next)), (query.limit, last.as_ref()), "a page ends where it says, and is full");
        query.after = Some(next.to_string().parse().unwrap());
    }
}

async fn fill(table: &dyn Table, partition: &str, sorts: impl IntoIterator<Item = String>) {
    for sort in sorts {
        done(table, put(&key(partition, &sort), 1, When::Always)).await;
    }
}

async fn pages(harness: &Harness) {
    let table = begin(harness);
    let every: Vec<String> = (0..14).map(|number| format!("r{number:02}")).collect();
    fill(&*table, "pages", every.iter().rev().cloned()).await;
    fill(&*table, "pages", ["q".to_owned(), "s".to_owned()]).await;
    for direction in BOTH {
        for limit in [1, 2, 7, 13, 14, 15, 1_000_000] {
            let range = Range::Prefix("r".to_owned());
            let found = walk(&*table, query("pages", range, direction, limit)).await;
            let mut found: Vec<_> = found.into_iter().map(|record| record.key.sort).collect();
            if direction == Direction::Back {
                found.reverse();
            }
            assert_eq!(found, every, "{direction:?} by {limit}");
        }
    }
    // Whole records come back, as from a get.
    let first = table.query(query("pages", everything(), Direction::Forward, 1)).await.unwrap();
    assert_eq!(first.records, [there(&*table, &key("pages", "q")).await]);
    // Nothing at all is an empty last page.
    let nothing = table.query(query("pages", Range::Prefix("x".to_owned()), Direction::Forward, 1)).await.unwrap();
    assert_eq!(nothing, Page::default());
}

async fn byte_order(harness: &Harness) {
    let table = begin(harness);
    let mut every = vec![
        "a",
        "a#",
        "aé",
        "a\u{10ffff}",
        "B",
        "0",
        "10",
        "9",
        "aa",
        "a\u{0}",
        "a/",
        "a ",
        "A",
        "é",
        "e\u{301}",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
        "\u{10ffff}a",
        "~",
    ];
    fill(&*table, "order", every.iter().map(|sort| (*sort).to_owned())).await;
    every.sort_unstable_by_key(|sort| sort.as_bytes());
    for direction in BOTH {
        for limit in [1, 4, 100] {
            let found = walk(&*table, query("order", everything(), direction, limit)).await;
            let mut found: Vec<_> = found.iter().map(|record| record.key.sort.as_str()).collect();
            if direction == Direction::Back {
                found.reverse();
            }
            assert_eq!(found, every);
        }
    }
    let prefixes =
        ["a", "a#", "é", "e", "\u{7f}", "\u{7ff}", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10ffff}", "\u{10ffff}\u{10ffff}", "b"];
    for prefix in prefixes {
        let expected: Vec<_> = every.iter().copied().filter(|sort| sort.starts_with(prefix)).collect();
        for direction in BOTH {
            let found = walk(&*table, query("order", Range::Prefix(prefix.to_owned()), direction, 2)).await;
            let mut found: Vec<_> = found.iter().map(|record| record.key.sort.as_str()).collect();
            if direction == Direction::Back {
                found.reverse();
            }
            assert_eq!(found, expected, "{prefix:?}");
        }
    }
}

async fn ranges(harness: &Harness) {
    let table = begin(harness);
    fill(&*table, "ranges", ["a", "b", "b#1", "b#2", "c", "d"].map(str::to_owned)).await;
    let cases: [(&str, &str, &[&str]); 8] = [
        ("b", "c", &["b", "b#1", "b#2", "c"]),
        ("b", "b", &["b"]),
        ("b#", "b~", &["b#1", "b#2"]),
        ("b\u{0}", "bz", &["b#1", "b#2"]),
        ("A", "a", &["a"]),
        ("cc", "zz", &["d"]),
        ("e", "z", &[]),
        ("c", "b", &[]),
    ];
    for (low, high, expected) in cases {
        for direction in BOTH {
            for limit in [1, 2, 9] {
                let range = Range::Between(low.to_owned(), high.to_owned());
                let found = walk(&*table, query("ranges", range, direction, limit)).await;
                let mut found: Vec<_> = found.iter().map(|record| record.key.sort.as_str()).collect();
                if direction == Direction::Back {
                    found.reverse();
                }
                assert_eq!(found, expected, "{low} to {high}");
            }
        }
    }
}

async fn cursors(harness: &Harness) {
    let table = begin(harness);
    fill(&*table, "cursors", ["a", "b", "c", "c#1", "c#2", "d", "e"].map(str::to_owned)).await;
    // A cursor need not stand on a record, nor within the range.
    let cases: [(&str, &str, &[&str], &[&str]); 7] = [
        ("", "c", &["c#1", "c#2", "d", "e"], &["b", "a"]),
        ("", "bb", &["c", "c#1", "c#2", "d", "e"], &["b", "a"]),
        ("", "A", &["a", "b", "c", "c#1", "c#2", "d", "e"], &[]),
        ("", "z", &[], &["e", "d", "c#2", "c#1", "c", "b", "a"]),
        ("c", "a", &["c", "c#1", "c#2"], &[]),
        ("c", "e", &[], &["c#2", "c#1", "c"]),
        ("c", "c#1", &["c#2"], &["c"]),
    ];
    for (prefix, after, forward, back) in cases {
        for (direction, expected) in [(Direction::Forward, forward), (Direction::Back, back)] {
            let query = query("cursors", Range::Prefix(prefix.to_owned()), direction, 9).after(Some(Cursor::at(after)));
            let page = table.query(query).await.unwrap();
            assert_eq!((sorts(&page), page.next.as_ref()), (expected.to_vec(), None), "{prefix:?} after {after:?} {direction:?}");
        }
    }
    // The record that it stands on may be gone.
    let page = table.query(query("cursors", everything(), Direction::Forward, 3)).await.unwrap();
    done(&*table, Write::Delete { key: key("cursors", "c"), when: When::Always }).await;
    let rest = table.query(query("cursors", everything(), Direction::Forward, 9).after(page.next)).await.unwrap();
    assert_eq!(sorts(&rest), ["c#1", "c#2", "d", "e"]);

    // Its text fits a URL, and padding is forgiven.
    for sort in ["a", "ab", "abc", "??>>~~", "é\u{10ffff}\u{0}", &"😀".repeat(256)] {
        let text = Cursor::at(sort).to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        assert_eq!(text.parse(), Ok(Cursor::at(sort)));
        assert_eq!(format!("{text}==").parse(), Ok(Cursor::at(sort)));
    }
    for text in ["", "=", "a", "a b", "/w", "_w", &Cursor::at("x".repeat(1025)).to_string()] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

async fn expired_records_do_not_count(harness: &Harness) {
    let table = begin(harness);
    // Live and expired ones in turn, and runs of expired ones at either end.
    for number in 0..40 {
        let key = key("pages-expired", &format!("{number:02}"));
        let only = if (10..30).contains(&number) && number % 3 == 0 { put(&key, 1, When::Always) } else { put_until(&key, 1, START + 1) };
        done(&*table, only).await;
    }
    harness.clock.set((START + 1) * 1000);
    for direction in BOTH {
        for limit in [1, 2, 3, 6, 7] {
            let found = walk(&*table, query("pages-expired", everything(), direction, limit)).await;
            let mut found: Vec<_> = found.iter().map(|record| record.key.sort.as_str()).collect();
            if direction == Direction::Back {
                found.reverse();
            }
            assert_eq!(found, ["12", "15", "18", "21", "24", "27"]);
        }
    }
}

async fn bounded_by_bytes(harness: &Harness) {
    let table = begin(harness);
    let every: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    for sort in &every {
        done(&*table, put(&key("pages-bytes", sort), "x".repeat(300 * 1024), When::Always)).await;
    }
    for direction in BOTH {
        let mut query = query("pages-bytes", everything(), direction, 100);
        let mut found = Vec::new();
        loop {
            let page = table.query(query.clone()).await.unwrap();
            assert!(!page.records.is_empty());
            assert!(page.records.iter().map(Record::size).sum::<usize>() <= MAX_PAGE_BYTES);
            found.extend(sorts(&page).into_iter().map(str::to_owned));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        if direction == Direction::Back {
            found.reverse();
        }
        assert_eq!(found, every);
    }
}

async fn partitions_are_apart(harness: &Harness) {
    let table = begin(harness);
    for partition in ["apart", "apart ", "apar", "APART", "apart#"] {
        fill(&*table, partition, ["a".to_owned()]).await;
        done(&*table, put(&Key::new(TableId::Users, partition, "b"), 1, When::Always)).await;
    }
    let page = table.query(query("apart", everything(), Direction::Forward, 9)).await.unwrap();
    assert_eq!((sorts(&page), page.next.as_ref()), (vec!["a"], None));
    // A partition that no batch takes is empty.
    for partition in ["", &"x".repeat(2049)] {
        let page = table.query(query(partition, everything(), Direction::Forward, 9)).await.unwrap();
        assert_eq!(page, Page::default());
    }
    let long = Range::Prefix("x".repeat(1025));
    assert_eq!(table.query(query("apart", long, Direction::Forward, 9)).await.unwrap(), Page::default());
}
