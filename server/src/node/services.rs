//! The standard services of a node, and what a write to a device or a service does.

use super::dialect::Json;
use super::lists::{Kind, List, MAX_ITEMS};
use super::model::{Device, Param, Product, Value};
use super::state::State;
use super::zone;

const SYSTEM: &str = "System";
const REBOOT: &str = "Reboot";
const FACTORY_RESET: &str = "Factory-Reset";

/// The service by which a node is in a group.
pub(super) const GROUPS: &str = "Groups";
const GROUP_ID: &str = "GroupID";
/// The service that says whether the node is there.
pub(super) const CONNECTIVITY: &str = "Connectivity";

/// Services that a node has only if it is built with them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extras {
    /// `Groups`, which moves its params to topics of its group.
    pub(super) groups: bool,
    /// `Connectivity`, of which it leaves a will.
    pub(super) connectivity: bool,
}

/// A param that was written.
#[derive(Debug, PartialEq)]
pub(super) struct Set {
    /// Which one.
    pub(super) param: usize,
    /// What it was before.
    pub(super) was: Value,
}

/// Something to do after the write was reported.
#[derive(Debug, PartialEq)]
pub(super) enum Then {
    /// Start again.
    Reboot,
    /// Forget everything and start again.
    FactoryReset,
    /// Say how the update from a written URL went.
    Update,
    /// Apply a scene's params.
    Apply(String),
}

/// What a write to one device did.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Written {
    /// The params that have a new value, or the same one again.
    pub(super) set: Vec<Set>,
    /// Which params did nothing, and why.
    pub(super) ignored: Vec<(String, String)>,
    /// What follows.
    pub(super) then: Vec<Then>,
}

/// A node's devices and services with all they keep.
#[derive(Debug)]
pub(super) struct Things {
    /// Devices first, then services, in the order of the config.
    pub(super) devices: Vec<Device>,
    schedules: List,
    scenes: List,
}

impl Things {
    /// A node as it comes up with what it kept.
    pub(super) fn new(product: Product, extras: Extras, kept: &State) -> Self {
        let mut things = Self {
            devices: [product.device()].into_iter().chain(services()).chain(extra_services(extras)).collect(),
            schedules: List::new(Kind::Schedules, kept.schedules.clone()),
            scenes: List::new(Kind::Scenes, kept.scenes.clone()),
        };
        for device in &mut things.devices {
            for param in &mut device.params {
                if let Some(value) = kept.params.get(device.name).and_then(|params| params.get(param.name)) {
                    param.value.restore(value);
                }
                match param.name {
                    "Schedules" => param.value = Value::Array(things.schedules.report()),
                    "Scenes" => param.value = Value::Array(things.scenes.report()),
                    _ => {}
                }
            }
        }
        things
    }

    /// Puts what outlives a power cycle into the state.
    pub(super) fn keep(&self, state: &mut State) {
        state.schedules.clone_from(&self.schedules.items);
        state.scenes.clone_from(&self.scenes.items);
        let kept = self.devices.iter().filter(|device| !device.service || matches!(device.name, "Time" | GROUPS));
        let values = |device: &Device| device.params.iter().map(|param| (param.name.to_owned(), param.value.to_json())).collect();
        state.params = kept.map(|device| (device.name.to_owned(), values(device))).collect();
    }

    /// The group that the node is in; empty if it is in none.
    pub(super) fn group(&self) -> &str {
        let service = self.devices.iter().find(|device| device.name == GROUPS);
        let param = service.and_then(|service| service.params.get(service.position(GROUP_ID)?));
        if let Some(Value::Text(group)) = param.map(|param| &param.value) { group } else { "" }
    }

    /// Writes the params of one device, in the device's own order. Properties and bounds are not checked: no device does.
    pub(super) fn write(&mut self, device: usize, values: &Json<'_>, now: i64) -> Written {
        let mut written = Written::default();
        let Some(target) = self.devices.get_mut(device) else { return written };
        for (name, _) in values.members().filter(|(name, _)| target.position(name).is_none()) {
            written.ignored.push((name.to_owned(), "no such param".to_owned()));
        }
        for index in 0..target.params.len() {
            let Some(param) = target.params.get_mut(index) else { continue };
            let Some(json) = values.get(param.name) else { continue };
            let Some(value) = param.value.read(json) else {
                written.ignored.push((param.name.to_owned(), format!("{} is no {}", json.raw, param.value.data_type())));
                continue;
            };
            let value = match param.name {
                "Schedules" => written.list(param.name, &mut self.schedules, json, now),
                "Scenes" => written.list(param.name, &mut self.scenes, json, now),
                _ => Some(value),
            };
            if let Some(value) = value {
                written.set(target, index, value);
            }
        }
        written
    }
}

impl Written {
    fn set(&mut self, device: &mut Device, index: usize, value: Value) {
        let name = device.params.get(index).map_or("", |param| param.name);
        match (device.name, name, &value) {
            (SYSTEM, REBOOT, Value::Bool(true)) => self.then.push(Then::Reboot),
            (SYSTEM, FACTORY_RESET, Value::Bool(true)) => self.then.push(Then::FactoryReset),
            ("OTA", "URL", _) => self.then.push(Then::Update),
            ("Time", "TZ", Value::Text(zone)) => {
                let Some(rule) = zone::posix(zone) else {
                    self.ignored.push((name.to_owned(), format!("no time zone is called {zone}")));
                    return;
                };
                if let Some(other) = device.position("TZ-POSIX") {
                    self.replace(device, other, Value::Text(rule));
                }
            }
            _ => {}
        }
        self.replace(device, index, value);
    }

    fn replace(&mut self, device: &mut Device, index: usize, value: Value) {
        if let Some(param) = device.params.get_mut(index) {
            let was = std::mem::replace(&mut param.value, value);
            self.set.push(Set { param: index, was });
        }
    }

    fn list(&mut self, param: &str, list: &mut List, json: &Json<'_>, now: i64) -> Option<Value> {
        let written = list.write(json.elements().unwrap_or_default(), now);
        self.ignored.extend(written.ignored.into_iter().map(|why| (param.to_owned(), why)));
        self.then.extend(written.actions.into_iter().map(Then::Apply));
        written.report.then(|| Value::Array(list.report()))
    }
}

fn service(name: &'static str, kind: &'static str, attributes: &'static [(&str, &str)], params: Vec<Param>) -> Device {
    Device { name, kind, primary: None, attributes, service: true, params }
}

fn extra_services(extras: Extras) -> impl Iterator<Item = Device> {
    let group = || service(GROUPS, "groups", &[], vec![Param::new(GROUP_ID, "group-id", Value::Text(String::new()))]);
    let connected = || Param::new("Connected", "connected", Value::Bool(true)).with(&["read"]);
    let connectivity = || service(CONNECTIVITY, "connectivity", &[], vec![connected()]);
    extras.groups.then(group).into_iter().chain(extras.connectivity.then(connectivity))
}

fn services() -> Vec<Device> {
    let text = |name, kind, value: &str| Param::new(name, kind, Value::Text(value.to_owned()));
    let list = |name, kind| Param::new(name, kind, Value::Array("[]".to_owned())).at_most(MAX_ITEMS);
    let button = |name, kind| Param::new(name, kind, Value::Bool(false));
    vec![
        service(
            "OTA",
            "ota",
            &[],
            vec![
                text("Status", "ota_status", "").with(&["read"]),
                text("Info", "ota_info", "").with(&["read"]),
                text("URL", "ota_url", "").with(&["write"]),
            ],
        ),
        service("Time", "time", &[], vec![text("TZ", "tz", "Asia/Shanghai"), text("TZ-POSIX", "tz_posix", "CST-8")]),
        service("Schedule", "schedule", &[("daylight_support", "yes")], vec![list("Schedules", "schedules")]),
        service("Scenes", "scenes", &[("deactivation_support", "no")], vec![list("Scenes", "scenes")]),
        service(
            SYSTEM,
            "system",
            &[],
            vec![button(REBOOT, "reboot"), button(FACTORY_RESET, "factory-reset"), button("Wi-Fi-Reset", "wifi-reset")],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light() -> Things {
        Things::new(Product::Light, Extras::default(), &State::default())
    }

    fn write(things: &mut Things, message: &str) -> (usize, Written) {
        let message = Json::parse(message).unwrap();
        let (name, values) = message.members().next().unwrap();
        let device = things.devices.iter().position(|device| device.name == name).unwrap();
        (device, things.write(device, values, 1000))
    }

    fn report(things: &mut Things, message: &str) -> String {
        let (device, written) = write(things, message);
        let changed: Vec<_> = written.set.iter().map(|set| set.param).collect();
        things.devices[device].report(&changed)
    }

    #[test]
    fn good_params_are_set_and_bad_ones_left_alone() {
        let mut things = light();
        let (device, written) = write(&mut things, r#"{"Light":{"Brightness":70,"Power":"on","Nope":1,"Name":"Desk","Hue":1.5}}"#);
        let names: Vec<_> = written.ignored.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Nope", "Power", "Hue"]);
        let changed: Vec<_> = written.set.iter().map(|set| set.param).collect();
        assert_eq!(things.devices[device].report(&changed), r#"{"Light":{"Name":"Desk","Brightness":70}}"#);
    }

    #[test]
    fn no_bounds_are_checked_and_equal_values_are_told_again() {
        let mut things = light();
        assert_eq!(report(&mut things, r#"{"Light":{"Brightness":9000}}"#), r#"{"Light":{"Brightness":9000}}"#);
        assert_eq!(report(&mut things, r#"{"Light":{"Brightness":9000}}"#), r#"{"Light":{"Brightness":9000}}"#);
    }

    #[test]
    fn a_zone_brings_its_rule_and_an_unknown_one_does_nothing() {
        let mut things = light();
        let berlin = r#"{"Time":{"TZ":"Europe/Berlin","TZ-POSIX":"CET-1CEST,M3.5.0,M10.5.0/3"}}"#;
        assert_eq!(report(&mut things, r#"{"Time":{"TZ":"Europe/Berlin"}}"#), berlin);
        let (_, written) = write(&mut things, r#"{"Time":{"TZ":"Europe/Atlantis"}}"#);
        assert_eq!((written.set.len(), written.ignored.len()), (0, 1));
        assert_eq!(report(&mut things, r#"{"Time":{"TZ-POSIX":"UTC0"}}"#), r#"{"Time":{"TZ-POSIX":"UTC0"}}"#);
    }

    #[test]
    fn the_buttons_of_the_system_work_when_true() {
        let mut things = light();
        assert_eq!(write(&mut things, r#"{"System":{"Reboot":true}}"#).1.then, [Then::Reboot]);
        assert_eq!(write(&mut things, r#"{"System":{"Reboot":false,"Wi-Fi-Reset":true}}"#).1.then, []);
        assert_eq!(write(&mut things, r#"{"System":{"Factory-Reset":1}}"#).1.then, [Then::FactoryReset]);
    }

    #[test]
    fn what_was_written_outlives_a_power_cycle() {
        let mut things = light();
        write(&mut things, r#"{"Light":{"Power":true,"Name":"Desk"}}"#);
        write(&mut things, r#"{"System":{"Reboot":true}}"#);
        write(&mut things, r#"{"Scenes":{"Scenes":[{"id":"a","operation":"add","name":"n","action":{}}]}}"#);
        let mut state = State::default();
        things.keep(&mut state);
        let all = super::super::model::all_params(&Things::new(Product::Light, Extras::default(), &state).devices);
        assert!(all.starts_with(r#"{"Light":{"Name":"Desk","Power":true,"#), "{all}");
        assert!(all.contains(r#""Scenes":{"Scenes":[{"name":"n","id":"a","action":{}}]},"System":{"Reboot":false,"#), "{all}");
    }
}
