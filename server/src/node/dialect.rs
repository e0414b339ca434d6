//! The JSON dialect of the device, both ways.
//!
//! Out: no white space, a fixed order of keys, floats with five decimals, and **no escaping at all**: a quote in a string is
//! sent as it is and makes the message invalid, which a cloud has to live with.
//! In: a small tokenizer that undoes no escapes: the raw characters between the quotes are the value.

use std::fmt::{Display, Write as _};

/// Arrays and objects deeper than this are refused, as the device's token table would overflow.
const MAX_DEPTH: usize = 32;

/// Writes an object or an array member by member.
#[derive(Debug)]
pub(super) struct Writer {
    text: String,
    close: char,
}

impl Writer {
    /// Starts an object.
    pub(super) fn object() -> Self {
        Self { text: "{".to_owned(), close: '}' }
    }

    /// Starts an array.
    pub(super) fn array() -> Self {
        Self { text: "[".to_owned(), close: ']' }
    }

    /// Adds a string member.
    pub(super) fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        self.write(format_args!("\"{value}\""));
        self
    }

    /// Adds a string member if there is one.
    pub(super) fn maybe_text(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// Adds a member that is JSON already: a number, a bool, an object.
    pub(super) fn raw(mut self, key: &str, value: impl Display) -> Self {
        self.key(key);
        self.write(value);
        self
    }

    /// Adds a member that is JSON already if there is one.
    pub(super) fn maybe_raw(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.raw(key, value),
            None => self,
        }
    }

    /// Adds an element that is JSON already to an array.
    pub(super) fn item(mut self, value: impl Display) -> Self {
        self.comma();
        self.write(value);
        self
    }

    /// Ends it.
    pub(super) fn end(mut self) -> String {
        self.text.push(self.close);
        self.text
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.write(format_args!("\"{key}\":"));
    }

    fn comma(&mut self) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
    }

    fn write(&mut self, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
    }
}

/// An array of JSON values, from an iterator of what is JSON already.
pub(super) fn array(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().fold(Writer::array(), Writer::item).end()
}

/// An array of strings.
pub(super) fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    array(items.into_iter().map(|item| format!("\"{item}\"")))
}

/// A float as the device prints it.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:.5}") }
}

/// A JSON value as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Json<'a> {
    /// Its text, character by character, if it arrived in a message.
    pub(super) raw: &'a str,
    kind: Kind<'a>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind<'a> {
    Primitive,
    Text(&'a str),
    Array(Vec<Json<'a>>),
    Object(Vec<(&'a str, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Takes a message apart, whose top level must be an object.
    pub(super) fn parse(message: &'a str) -> Option<Self> {
        let mut reader = Reader { text: message, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        let nothing_left = reader.rest().trim_end_matches('\0').is_empty();
        (nothing_left && matches!(value.kind, Kind::Object(_))).then_some(value)
    }

    /// A string of these characters, also of such that cannot arrive in a message.
    pub(super) fn string(raw: &'a str) -> Self {
        Self { raw, kind: Kind::Text(raw) }
    }

    /// An object with one member.
    pub(super) fn with_member(name: &'a str, value: Self) -> Self {
        Self { raw: value.raw, kind: Kind::Object(vec![(name, value)]) }
    }

    /// The member of an object: the first of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.members().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The members of an object, none if it is something else.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'a str, &Self)> {
        let members = if let Kind::Object(members) = &self.kind { members.as_slice() } else { &[] };
        members.iter().map(|(key, value)| (*key, value))
    }

    /// The elements, if it is an array.
    pub(super) fn elements(&self) -> Option<&[Self]> {
        if let Kind::Array(elements) = &self.kind { Some(elements) } else { None }
    }

    /// The text, if it is an object.
    pub(super) fn object(&self) -> Option<&'a str> {
        matches!(self.kind, Kind::Object(_)).then_some(self.raw)
    }

    /// The raw characters, if it is a string.
    pub(super) fn text(&self) -> Option<&'a str> {
        if let Kind::Text(text) = self.kind { Some(text) } else { None }
    }

    /// The number, if it is written as an integer that fits.
    pub(super) fn int(&self) -> Option<i32> {
        let digits = self.primitive()?;
        let shape = is_digits(digits.strip_prefix('-').unwrap_or(digits));
        shape.then(|| digits.parse().ok()).flatten()
    }

    /// The number, if it is written as an integer or with decimals.
    pub(super) fn float(&self) -> Option<f64> {
        let number = self.primitive()?;
        let unsigned = number.strip_prefix('-').unwrap_or(number);
        let shape = unsigned.split_once('.').map_or(is_digits(unsigned), |(whole, part)| is_digits(whole) && is_digits(part));
        shape.then(|| number.parse().ok()).flatten()
    }

    /// The truth, if it is a bool or 0 or 1.
    pub(super) fn bool(&self) -> Option<bool> {
        match self.primitive()? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    fn primitive(&self) -> Option<&'a str> {
        matches!(self.kind, Kind::Primitive).then_some(self.raw)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, wanted: u8) -> bool {
        self.space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object(self.list(b'}', |reader| {
                reader.space();
                let key = reader.string()?;
                if reader.eat(b':') { Some((key, reader.value(depth + 1)?)) } else { None }
            })?),
            b'[' => Kind::Array(self.list(b']', |reader| reader.value(depth + 1))?),
            b'"' => Kind::Text(self.string()?),
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                let rest = self.rest();
                self.at += rest.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
                Kind::Primitive
            }
            _ => return None,
        };
        Some(Json { raw: self.text.get(start..self.at)?, kind })
    }

    fn list<T>(&mut self, close: u8, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut all = Vec::new();
        if self.eat(close) {
            return Some(all);
        }
        loop {
            all.push(one(self)?);
            if self.eat(close) {
                return Some(all);
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    /// The characters between the quotes. Escapes must be possible ones, and stay as they are.
    fn string(&mut self) -> Option<&'a str> {
        let inside = self.rest().strip_prefix('"')?;
        let bytes = inside.as_bytes();
        let mut index = 0;
        loop {
            match bytes.get(index)? {
                b'"' => break,
                b'\\' => {
                    index += match bytes.get(index + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if bytes.get(index + 2..index + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                        _ => return None,
                    }
                }
                _ => index += 1,
            }
        }
        self.at += index + 2;
        inside.get(..index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Json<'_> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0).unwrap();
        assert_eq!(reader.rest(), "");
        value
    }

    #[test]
    fn writes_without_white_space_or_escapes() {
        let inner = Writer::object().raw("Power", true).raw("Lux", float(27.3)).end();
        let all = Writer::object().text("name", "Bob\"s \\ lämp").raw("v", inner).maybe_text("none", None).end();
        assert_eq!(all, "{\"name\":\"Bob\"s \\ lämp\",\"v\":{\"Power\":true,\"Lux\":27.30000}}");
        assert_eq!(strings(["read", "write"]), r#"["read","write"]"#);
        assert_eq!(strings([]), "[]");
        assert_eq!((float(f64::NAN), float(f64::INFINITY)), ("nan".to_owned(), "inf".to_owned()));
    }

    #[test]
    fn an_int_is_digits_only() {
        assert_eq!(value("25").int(), Some(25));
        assert_eq!(value("-7").int(), Some(-7));
        assert_eq!(value("2147483647").int(), Some(i32::MAX));
        for other in ["25.0", "2.5e1", "\"25\"", "2147483648", "-", "true", "+1", "[1]"] {
            let mut reader = Reader { text: other, at: 0 };
            assert_eq!(reader.value(0).and_then(|json| json.int()), None, "{other}");
        }
    }

    #[test]
    fn a_float_may_be_an_int_and_a_bool_may_be_a_digit() {
        assert_eq!(value("25").float(), Some(25.0));
        assert_eq!(value("-25.5").float(), Some(-25.5));
        assert_eq!(value("\"25\"").float(), None);
        assert_eq!(value("2.").float(), None);
        assert_eq!([value("true").bool(), value("1").bool()], [Some(true); 2]);
        assert_eq!([value("false").bool(), value("0").bool()], [Some(false); 2]);
        assert_eq!([value("2").bool(), value("\"true\"").bool(), value("null").bool()], [None; 3]);
    }

    #[test]
    fn a_string_keeps_its_escapes() {
        assert_eq!(value(r#""https:\/\/x\u0026""#).text(), Some(r"https:\/\/x\u0026"));
        assert_eq!(value("\"Küche\"").text(), Some("Küche"));
        assert_eq!(value("5").text(), None);
    }

    #[test]
    fn an_object_or_array_stays_as_written() {
        let message = Json::parse("{ \"a\" : [1, {\"b\":2} ] ,\"a\":3}\0").unwrap();
        assert_eq!(message.get("a").unwrap().raw, "[1, {\"b\":2} ]");
        assert_eq!(message.get("a").unwrap().elements().unwrap()[1].object(), Some("{\"b\":2}"));
        assert_eq!(message.get("b"), None);
    }

    #[test]
    fn what_is_no_json_object_is_nothing() {
        let deep = "[".repeat(100_000);
        for bad in ["", "[]", "1", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}}", "{a:1}", "{\"a\":\"\\x\"}", "{\"a\":\"", &deep] {
            assert_eq!(Json::parse(bad), None, "{bad:.20}");
        }
    }
}
