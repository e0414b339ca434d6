//! Documents that name paths rot unless somebody looks: every path in backticks exists.

use std::path::Path;

use shared::port::events::EventType;

#[test]
fn every_path_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut documents = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    documents.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut named = 0;
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for path in text.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            assert!(root.join(path).exists(), "{} names {path}, which is not there", document.display());
            named += 1;
        }
    }
    assert!(named > 20, "only {named} paths found: are they still in backticks?");
}

#[test]
fn every_kind_of_event_is_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/events.md")).unwrap();
    for kind in EventType::ALL {
        assert!(text.contains(&format!("| `{}` |", kind.as_str())), "docs/events.md does not tell of {}", kind.as_str());
    }
}

#[test]
fn every_sample_of_an_event_is_used_by_a_function() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tests =
        ["user", "node"].map(|function| std::fs::read_to_string(root.join(format!("functions/{function}/tests/lambda.rs"))).unwrap());
    for sample in std::fs::read_dir(root.join("events")).unwrap() {
        let name = sample.unwrap().file_name().into_string().unwrap();
        assert!(tests.iter().any(|test| test.contains(&format!("\"{name}\""))), "no test uses events/{name}");
    }
}

/// In backticks, with a slash, of path characters alone, and relative: addresses and topics are not.
fn is_path(code: &str) -> bool {
    let known =
        ["shared", "web", "functions", "adapters", "addons", "broker", "deploy", "events", "server", "tests", "docs", "packaging", ".ci"];
    let first = code.split('/').next().unwrap_or_default();
    code.contains('/') && known.contains(&first) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
}
