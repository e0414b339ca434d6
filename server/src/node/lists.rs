//! The lists of the Schedule and Scenes services: what is written is operations, what is reported is the whole list.

use serde::{Deserialize, Serialize};

use super::dialect::{self, Json, Writer};

/// How many schedules, and how many scenes, a node keeps.
pub(super) const MAX_ITEMS: usize = 10;
const MAX_ID: usize = 8;
const MAX_NAME: usize = 32;
const OPERATIONS: [Operation; 7] =
    [Operation::Add, Operation::Edit, Operation::Remove, Operation::Enable, Operation::Disable, Operation::Activate, Operation::Deactivate];

/// Which of the two lists it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Things to do at a time.
    Schedules,
    /// Things to do when told to.
    Scenes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Edit,
    Remove,
    Enable,
    Disable,
    Activate,
    Deactivate,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Edit => "edit",
            Self::Remove => "remove",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
        }
    }

    /// The first operation of the list's kind that begins with what was sent, as the device compares.
    fn read(kind: Kind, sent: &str) -> Option<Self> {
        let fits = |operation: &Self| match operation {
            Self::Enable | Self::Disable => kind == Kind::Schedules,
            Self::Activate | Self::Deactivate => kind == Kind::Scenes,
            _ => true,
        };
        OPERATIONS.into_iter().filter(fits).find(|operation| !sent.is_empty() && operation.name().starts_with(sent))
    }
}

/// A schedule or a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    id: String,
    name: String,
    enabled: bool,
    info: Option<String>,
    flags: i32,
    validity: Option<String>,
    action: String,
    trigger: Option<String>,
}

/// What a write did.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Written {
    /// Whether the whole list is to be reported.
    pub(super) report: bool,
    /// The actions to carry out now.
    pub(super) actions: Vec<String>,
    /// Why elements did nothing.
    pub(super) ignored: Vec<String>,
}

/// The items of a list, in the order in which they were added.
#[derive(Debug)]
pub(super) struct List {
    kind: Kind,
    /// The items.
    pub(super) items: Vec<Item>,
}

impl List {
    /// A list as it was kept.
    pub(super) fn new(kind: Kind, items: Vec<Item>) -> Self {
        Self { kind, items }
    }

    /// Carries out the operations of a write. A bad element does not touch the others.
    pub(super) fn write(&mut self, elements: &[Json<'_>], now: i64) -> Written {
        let mut written = Written { report: self.kind == Kind::Schedules, ..Written::default() };
        for element in elements {
            match self.one(element, now) {
                Ok((operation, action)) => {
                    // For scenes the last element decides whether the list is reported.
                    written.report = self.kind == Kind::Schedules || !matches!(operation, Operation::Activate | Operation::Deactivate);
                    written.actions.extend(action);
                }
                Err(why) => written.ignored.push(why),
            }
        }
        written
    }

    fn one(&mut self, element: &Json<'_>, now: i64) -> Result<(Operation, Option<String>), String> {
        let id = short(element, "id", MAX_ID).filter(|id| !id.is_empty()).ok_or("no id of 1 to 8 characters")?;
        let sent = element.get("operation").and_then(Json::text).ok_or_else(|| format!("no operation for {id}"))?;
        let operation = Operation::read(self.kind, sent).ok_or_else(|| format!("unknown operation {sent} for {id}"))?;
        let place = self.items.iter().position(|item| item.id == id);
        let known = place.ok_or_else(|| format!("nothing to {sent}: {id} is unknown"));
        let mut action = None;
        match (operation, place) {
            (Operation::Add, Some(_)) => return Err(format!("{id} is there already")),
            (Operation::Add | Operation::Edit, None) => self.add(id, element, now)?,
            (Operation::Edit, Some(place)) => {
                let kind = self.kind;
                if let Some(item) = self.items.get_mut(place) {
                    item.take(kind, element, now);
                }
            }
            (Operation::Remove, _) => drop(self.items.remove(known?)),
            (Operation::Enable | Operation::Disable, _) => {
                if let Some(item) = self.items.get_mut(known?) {
                    item.enabled = operation == Operation::Enable;
                }
            }
            (Operation::Activate, _) => action = self.items.get(known?).map(|item| item.action.clone()),
            (Operation::Deactivate, _) => return Err("this node cannot deactivate scenes".to_owned()),
        }
        Ok((operation, action))
    }

    fn add(&mut self, id: &str, element: &Json<'_>, now: i64) -> Result<(), String> {
        if self.items.len() >= MAX_ITEMS {
            return Err(format!("no room for {id}: {MAX_ITEMS} is the most"));
        }
        let mut item = Item {
            id: id.to_owned(),
            name: String::new(),
            enabled: true,
            info: None,
            flags: 0,
            validity: None,
            action: "{}".to_owned(),
            trigger: None,
        };
        item.take(self.kind, element, now);
        if item.name.is_empty() {
            return Err(format!("no name of 1 to {MAX_NAME} characters for {id}"));
        }
        if self.kind == Kind::Schedules && item.trigger.is_none() {
            return Err(format!("no trigger for {id}"));
        }
        self.items.push(item);
        Ok(())
    }

    /// The whole list as it is reported.
    pub(super) fn report(&self) -> String {
        dialect::array(self.items.iter().map(|item| item.report(self.kind)))
    }
}

impl Item {
    /// Takes over the fields that are there.
    fn take(&mut self, kind: Kind, element: &Json<'_>, now: i64) {
        if let Some(name) = short(element, "name", MAX_NAME) {
            name.clone_into(&mut self.name);
        }
        let longest = if kind == Kind::Schedules { 128 } else { 100 };
        if let Some(info) = short(element, "info", longest) {
            self.info = (!info.is_empty()).then(|| info.to_owned());
        }
        self.flags = element.get("flags").and_then(Json::int).unwrap_or(self.flags);
        if let Some(action) = element.get("action").and_then(Json::object) {
            action.clone_into(&mut self.action);
        }
        if kind == Kind::Schedules {
            let validity = element.get("validity").filter(|validity| validity.object().is_some());
            self.validity = validity.map(|validity| pick(validity, &["start", "end"], now)).or(self.validity.take());
            let first = element.get("triggers").and_then(Json::elements).and_then(<[_]>::first);
            self.trigger = first.and_then(|trigger| read_trigger(trigger, now)).or(self.trigger.take());
        }
    }

    fn report(&self, kind: Kind) -> String {
        let schedule = kind == Kind::Schedules;
        Writer::object()
            .text("name", &self.name)
            .text("id", &self.id)
            .maybe_raw("enabled", schedule.then_some(self.enabled))
            .maybe_text("info", self.info.as_deref())
            .maybe_raw("flags", (self.flags != 0).then_some(self.flags))
            .maybe_raw("validity", self.validity.as_ref())
            .raw("action", &self.action)
            .maybe_raw("triggers", self.trigger.as_ref().map(|trigger| dialect::array([trigger])))
            .end()
    }
}

/// A string member that is not too long. One that is too long counts as missing.
fn short<'a>(element: &Json<'a>, key: &str, longest: usize) -> Option<&'a str> {
    element.get(key)?.text().filter(|text| text.len() <= longest)
}

/// A trigger with the fields of its form, in the order of the report.
fn read_trigger(trigger: &Json<'_>, now: i64) -> Option<String> {
    const FORMS: [(&str, &[&str]); 4] = [
        ("rsec", &["rsec", "ts"]),
        ("sr", &["sr", "lat", "lon", "loc", "d", "dd", "mm", "ts"]),
        ("ss", &["ss", "lat", "lon", "loc", "d", "dd", "mm", "ts"]),
        ("m", &["m", "d", "dd", "mm", "yy", "r", "ts"]),
    ];
    let (_, keys) = FORMS.into_iter().find(|(mark, _)| trigger.get(mark).and_then(Json::int).is_some())?;
    Some(pick(trigger, keys, now))
}

fn pick(from: &Json<'_>, keys: &[&str], now: i64) -> String {
    let write = |all: Writer, key: &&str| match (*key, from.get(key)) {
        ("lat" | "lon", Some(value)) => all.maybe_raw(key, value.float().map(dialect::float)),
        ("loc", Some(_)) => all.maybe_text(key, short(from, key, 31)),
        ("r", Some(value)) => all.maybe_raw(key, value.bool().map(u8::from)),
        // A countdown tells when it will be over.
        ("ts", None) => all.maybe_raw(key, from.get("rsec").and_then(Json::int).map(|seconds| now + i64::from(seconds))),
        (_, value) => all.maybe_raw(key, value.and_then(Json::int)),
    };
    keys.iter().fold(Writer::object(), write).end()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAKE: &str = r#"{"id":"A1B2","operation":"add","name":"Wake up","info":"ring","flags":1,"validity":{"start":1786500000,"end":1789000000},"action":{"Desk Lamp":{"Power":true,"Brightness":80}},"triggers":[{"m":390,"d":31}]}"#;

    fn write(list: &mut List, elements: &str) -> Written {
        let message = format!("{{\"x\":[{elements}]}}");
        let message = Json::parse(&message).unwrap();
        list.write(message.get("x").unwrap().elements().unwrap(), 1000)
    }

    fn schedules(elements: &str) -> List {
        let mut list = List::new(Kind::Schedules, Vec::new());
        let written = write(&mut list, elements);
        assert_eq!(written.ignored, Vec::<String>::new());
        assert!(written.report);
        list
    }

    fn timer(id: &str, trigger: &str) -> String {
        format!(r#"{{"id":"{id}","operation":"add","name":"n","action":{{}},"triggers":[{trigger}]}}"#)
    }

    #[test]
    fn an_added_schedule_is_enabled_and_reported_in_the_devices_order() {
        let list = schedules(WAKE);
        let expected = r#"[{"name":"Wake up","id":"A1B2","enabled":true,"info":"ring","flags":1,"validity":{"start":1786500000,"end":1789000000},"action":{"Desk Lamp":{"Power":true,"Brightness":80}},"triggers":[{"m":390,"d":31}]}]"#;
        assert_eq!(list.report(), expected);
    }

    #[test]
    fn edit_changes_what_it_names_and_keeps_the_rest() {
        let mut list = schedules(WAKE);
        write(&mut list, r#"{"id":"A1B2","operation":"disable"}"#);
        write(&mut list, r#"{"id":"A1B2","operation":"edit","info":"","flags":0,"enabled":true,"triggers":[{"m":1,"d":0}]}"#);
        let expected = r#"[{"name":"Wake up","id":"A1B2","enabled":false,"validity":{"start":1786500000,"end":1789000000},"action":{"Desk Lamp":{"Power":true,"Brightness":80}},"triggers":[{"m":1,"d":0}]}]"#;
        assert_eq!(list.report(), expected);
    }

    #[test]
    fn unknown_ids_are_ignored_except_by_edit() {
        let mut list = schedules("");
        let written = write(
            &mut list,
            r#"{"id":"x","operation":"remove"},{"id":"x","operation":"enable"},{"operation":"add"},{"id":"123456789","operation":"add"},{"id":"y","operation":"edit","name":"n","triggers":[{"rsec":60}]}"#,
        );
        assert_eq!(written.ignored.len(), 4);
        assert_eq!(list.report(), r#"[{"name":"n","id":"y","enabled":true,"action":{},"triggers":[{"rsec":60,"ts":1060}]}]"#);
        write(&mut list, r#"{"id":"y","operation":"r"}"#);
        assert_eq!(list.report(), "[]");
    }

    #[test]
    fn the_eleventh_and_the_second_of_an_id_are_ignored() {
        let many: Vec<_> = (0..11).map(|index| timer(&index.to_string(), r#"{"m":1,"d":1}"#)).collect();
        let mut list = List::new(Kind::Schedules, Vec::new());
        assert_eq!(write(&mut list, &many.join(",")).ignored, ["no room for 10: 10 is the most"]);
        assert_eq!(write(&mut list, &many[0]).ignored, ["0 is there already"]);
        assert_eq!(list.items.len(), 10);
    }

    #[test]
    fn every_form_of_trigger_is_reported_as_the_device_does() {
        for (sent, reported) in [
            (r#"{"d":31,"m":390}"#, r#"{"m":390,"d":31}"#),
            (r#"{"m":600,"dd":24,"mm":2048,"yy":2027,"r":true}"#, r#"{"m":600,"dd":24,"mm":2048,"yy":2027,"r":1}"#),
            (
                r#"{"sr":-15,"lat":52.52,"lon":13.405,"loc":"Berlin","d":127}"#,
                r#"{"sr":-15,"lat":52.52000,"lon":13.40500,"loc":"Berlin","d":127}"#,
            ),
            (r#"{"ss":5,"lat":1,"lon":2,"dd":1,"mm":1}"#, r#"{"ss":5,"lat":1.00000,"lon":2.00000,"dd":1,"mm":1}"#),
            (r#"{"m":1,"d":0,"ts":77}"#, r#"{"m":1,"d":0,"ts":77}"#),
        ] {
            let report = schedules(&timer("a", sent)).report();
            assert!(report.ends_with(&format!("\"triggers\":[{reported}]}}]")), "{report}");
        }
    }

    #[test]
    fn the_last_element_decides_whether_scenes_are_reported() {
        let mut list = List::new(Kind::Scenes, Vec::new());
        let movie = r#"{"id":"S7K2","operation":"add","name":"Movie","action":{"Light":{"Power":true}}}"#;
        assert!(write(&mut list, movie).report);
        assert_eq!(list.report(), r#"[{"name":"Movie","id":"S7K2","action":{"Light":{"Power":true}}}]"#);
        let activate = r#"{"id":"S7K2","operation":"activate"}"#;
        let written = write(&mut list, activate);
        assert_eq!((written.report, written.actions), (false, vec![r#"{"Light":{"Power":true}}"#.to_owned()]));
        assert!(write(&mut list, &format!(r#"{activate},{{"id":"S7K2","operation":"edit","info":"x"}}"#)).report);
        assert!(!write(&mut list, &format!(r#"{{"id":"S7K2","operation":"edit","info":"x"}},{activate}"#)).report);
        let refused = write(&mut list, r#"{"id":"S7K2","operation":"deactivate"},{"id":"S7K2","operation":"enable"}"#);
        assert_eq!((refused.report, refused.ignored.len()), (false, 2));
    }
}
