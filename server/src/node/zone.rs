//! The POSIX rules of time zones.

/// Enough to be useful where the machine has no time zone files.
const COMMON: [(&str, &str); 10] = [
    ("America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"),
    ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Sao_Paulo", "<-03>3"),
    ("Asia/Kolkata", "IST-5:30"),
    ("Asia/Shanghai", "CST-8"),
    ("Asia/Tokyo", "JST-9"),
    ("Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"),
    ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"),
    ("Etc/UTC", "UTC0"),
];

/// The rule of a zone by its IANA name, such as `CET-1CEST,M3.5.0,M10.5.0/3` for `Europe/Berlin`.
pub(super) fn posix(zone: &str) -> Option<String> {
    let common = COMMON.iter().find(|(name, _)| *name == zone).map(|(_, rule)| (*rule).to_owned());
    common.or_else(|| from_file(zone))
}

/// The last line of a zone's file is its rule.
fn from_file(zone: &str) -> Option<String> {
    let part_is_plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'));
    if !zone.split('/').all(part_is_plain) {
        return None;
    }
    let file = std::fs::read(format!("/usr/share/zoneinfo/{zone}")).ok()?;
    let lines = file.strip_prefix(b"TZif")?.strip_suffix(b"\n")?;
    let rule = lines.rsplit(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(rule).ok().filter(|rule| !rule.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_odd_names_have_no_rule() {
        for name in ["", "Nowhere", "../../etc/passwd", "/etc/passwd", "Europe/", "zone.tab"] {
            assert_eq!(posix(name), None, "{name}");
        }
        assert_eq!(posix("Asia/Shanghai").as_deref(), Some("CST-8"));
    }
}
