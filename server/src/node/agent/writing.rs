//! What a write does to the node, wherever it comes from, and what the node reports then.

use std::time::Duration;

use super::super::dialect::{Json, Writer};
use super::super::model::Value;
use super::super::say::{By, Event as Told};
use super::super::services::{GROUPS, Then};
use super::super::state::Mapping;
use super::{Agent, Due, now};

/// The least that is worth a message with params.
const SHORTEST_REPORT: usize = 13;
/// From the order to reboot or to forget everything until it happens.
const RESET_DELAY: Duration = Duration::from_secs(2);
/// By how much the temperature changes from one measurement to the next, and between which bounds.
const DRIFT: f64 = 0.5;
const COLDEST: f64 = 18.0;
const WARMEST: f64 = 28.0;

impl Agent {
    pub(super) fn read(&mut self, message: &[u8], by: By) {
        match std::str::from_utf8(message).ok().and_then(Json::parse) {
            Some(message) => drop(self.write(&message, by)),
            None => self.ignored(None, None, "the message is not a JSON object"),
        }
    }

    pub(super) fn command(&mut self, data: &str) -> Option<String> {
        let data = Json::parse(data)?;
        let params = data.get("params").filter(|params| params.object().is_some())?;
        let changes = self.write(params, By::Command);
        let reports = changes.iter().filter_map(|(device, changed)| Some(self.things.devices.get(*device)?.report(changed)));
        // Each report is an object with one member: together they are one object with all of them.
        let members: Vec<_> = reports.map(|report| report.trim_start_matches('{').to_owned()).collect();
        let members = members.iter().filter_map(|member| member.strip_suffix('}')).collect::<Vec<_>>().join(",");
        Some(Writer::object().text("status", "success").raw("params", format_args!("{{{members}}}")).end())
    }

    /// Writes params device by device, and reports each device by itself.
    fn write(&mut self, message: &Json<'_>, by: By) -> Vec<(usize, Vec<usize>)> {
        for (name, _) in message.members() {
            if !self.things.devices.iter().any(|device| device.name == name) {
                self.ignored(Some(name), None, "no such device");
            }
        }
        let mut all = Vec::new();
        for index in 0..self.things.devices.len() {
            let Some(device) = self.things.devices.get(index) else { continue };
            let (name, values) = (device.name, message.get(device.name));
            let Some(values) = values.filter(|_| by != By::Scene || !matches!(name, "Scenes" | "Schedule")) else { continue };
            let written = self.things.write(index, values, now());
            for (param, why) in &written.ignored {
                self.ignored(Some(name), Some(param), why);
            }
            let Some(device) = self.things.devices.get(index) else { continue };
            for set in &written.set {
                let Some(param) = device.params.get(set.param) else { continue };
                let (value, was) = (param.value.to_json(), set.was.to_json());
                self.tell(&Told::Set { device: name, param: param.name, value, was, by });
            }
            let changed: Vec<_> = written.set.iter().map(|set| set.param).collect();
            if !changed.is_empty() {
                self.keep();
                if name == GROUPS {
                    self.regroup();
                }
                if by != By::Command {
                    self.report(index, &changed);
                }
                all.push((index, changed));
            }
            for then in written.then {
                self.follow(index, then);
            }
        }
        all
    }

    fn follow(&mut self, device: usize, then: Then) {
        match then {
            Then::Reboot => self.after(RESET_DELAY, Due::Reboot),
            Then::FactoryReset => {
                let nobody = Mapping { user_id: "esp-rmaker".to_owned(), secret_key: "failed".to_owned() };
                self.ask_to_map(&nobody, true);
                self.after(RESET_DELAY, Due::FactoryReset);
            }
            Then::Update => {
                for (param, text) in [("Info", "A simulated node installs nothing"), ("Status", "failed")] {
                    let values = Writer::object().text(param, text).end();
                    if let Some(name) = self.things.devices.get(device).map(|device| device.name) {
                        self.read(Writer::object().raw(name, values).end().as_bytes(), By::Node);
                    }
                }
            }
            Then::Apply(action) => self.read(action.as_bytes(), By::Scene),
        }
    }

    fn report(&mut self, device: usize, changed: &[usize]) {
        if !self.started {
            return;
        }
        self.report_time_series(device, Some(changed));
        let report = self.things.devices.get(device).map(|device| device.report(changed)).unwrap_or_default();
        if report.len() >= SHORTEST_REPORT {
            self.publish(&self.local(), report);
        }
    }

    /// Adds the values of the device's params, or of those that changed, to their time series.
    pub(super) fn report_time_series(&mut self, device: usize, changed: Option<&[usize]>) {
        let Some(device) = self.things.devices.get(device) else { return };
        let params = device
            .params
            .iter()
            .enumerate()
            .filter(|(index, param)| param.is_time_series() && changed.is_none_or(|changed| changed.contains(index)));
        let points: Vec<_> = params.map(|(_, param)| param.time_series(device.name, now())).collect();
        for point in points {
            self.publish("tsdata", point);
        }
    }

    /// A line such as `Light.Power=true`, as if somebody pressed a button at the node.
    pub(in super::super) fn line(&mut self, line: &str) {
        let split = line.trim().split_once('=').and_then(|(path, value)| Some((path.trim().rsplit_once('.')?, value.trim())));
        let Some(((device, param), value)) = split else {
            if !line.trim().is_empty() {
                self.ignored(None, None, "expected a line such as Light.Power=true");
            }
            return;
        };
        let is_text = self.things.devices.iter().any(|known| known.name == device && known.is_text(param));
        let message = Writer::object().raw("value", value).end();
        let value = if is_text { Some(Json::string(value)) } else { Json::parse(&message).and_then(|json| json.get("value").cloned()) };
        match value {
            Some(value) => drop(self.write(&Json::with_member(device, Json::with_member(param, value)), By::Local)),
            None => self.ignored(Some(device), Some(param), "that is no value"),
        }
    }

    /// Lets the temperature drift up and down between two bounds.
    pub(super) fn measure(&mut self) {
        self.after(self.setup.measure_every, Due::Measure);
        let device = self.things.devices.first();
        let param = device.and_then(|device| device.params.get(device.position("Temperature")?));
        let (Some(device), Some(Value::Float(value))) = (device, param.map(|param| &param.value)) else { return };
        self.rising = if self.rising { *value < WARMEST } else { *value <= COLDEST };
        let next = value + if self.rising { DRIFT } else { -DRIFT };
        let values = Writer::object().raw("Temperature", Value::Float(next)).end();
        self.read(Writer::object().raw(device.name, values).end().as_bytes(), By::Node);
    }
}
