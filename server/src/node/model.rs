//! What the node is: devices and services with their params, and the JSON texts that describe them.

use std::fmt::{self, Display};

use super::dialect::{self, Json, Writer};

const READ_WRITE: &[&str] = &["read", "write"];

/// The kinds of product that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Product {
    /// A lamp with power, brightness, colour and colour temperature.
    Light,
    /// A switch.
    Switch,
    /// A fan with speed and direction.
    Fan,
    /// A thermometer that reports by itself.
    Sensor,
}

impl Product {
    /// Its name in messages for people and in the node's config.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Switch => "Switch",
            Self::Fan => "Fan",
            Self::Sensor => "Temperature Sensor",
        }
    }

    /// The device of such a product, as it leaves the factory.
    pub(super) fn device(self) -> Device {
        let device = |kind, primary, params: Vec<Param>| {
            let name = Param::new("Name", "name", Value::Text(self.name().to_owned()));
            let params = [name].into_iter().chain(params).collect();
            Device { name: self.name(), kind, primary: Some(primary), attributes: &[], service: false, params }
        };
        let power = || Param::new("Power", "power", Value::Bool(false)).shown_as("toggle");
        match self {
            Self::Light => device(
                "lightbulb",
                "Power",
                vec![
                    power(),
                    Param::new("Brightness", "brightness", Value::Int(50)).range(0, 100, 1).shown_as("slider"),
                    Param::new("Hue", "hue", Value::Int(180)).range(0, 360, 1).shown_as("hue-slider"),
                    Param::new("Saturation", "saturation", Value::Int(100)).range(0, 100, 1).shown_as("slider"),
                    Param::new("CCT", "cct", Value::Int(4000)).range(2700, 6500, 100).shown_as("slider"),
                ],
            ),
            Self::Switch => device("switch", "Power", vec![power()]),
            Self::Fan => device(
                "fan",
                "Power",
                vec![
                    power(),
                    Param::new("Speed", "speed", Value::Int(3)).range(0, 5, 1).shown_as("slider"),
                    Param::new("Direction", "direction", Value::Int(0)).range(0, 1, 1).shown_as("dropdown"),
                ],
            ),
            Self::Sensor => device(
                "temperature-sensor",
                "Temperature",
                vec![Param::new("Temperature", "temperature", Value::Float(21.0)).with(&["read", "time_series"]).shown_as("text")],
            ),
        }
    }
}

/// The value of a param. Its data type is the type of the value that it had first.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i32),
    /// `float`
    Float(f64),
    /// `string`
    Text(String),
    /// `array`, as text that goes into messages as it is.
    Array(String),
}

impl Value {
    /// The name of its data type.
    pub(super) fn data_type(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
        }
    }

    /// Reads another value of the same data type.
    pub(super) fn read(&self, json: &Json<'_>) -> Option<Self> {
        match self {
            Self::Bool(_) => json.bool().map(Self::Bool),
            Self::Int(_) => json.int().map(Self::Int),
            Self::Float(_) => json.float().map(Self::Float),
            Self::Text(_) => json.text().map(|text| Self::Text(text.to_owned())),
            Self::Array(_) => json.elements().map(|_| Self::Array(json.raw.to_owned())),
        }
    }

    /// The value in proper JSON, for the state file and for programs that read our output.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::Array(value) => serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into()),
        }
    }

    /// Takes over a value from [`Value::to_json`] if it has the same data type.
    pub(super) fn restore(&mut self, json: &serde_json::Value) {
        match self {
            Self::Bool(value) => *value = json.as_bool().unwrap_or(*value),
            Self::Int(value) => *value = json.as_i64().and_then(|int| i32::try_from(int).ok()).unwrap_or(*value),
            Self::Float(value) => *value = json.as_f64().unwrap_or(*value),
            Self::Text(value) => *value = json.as_str().unwrap_or(value).to_owned(),
            Self::Array(_) => {}
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&dialect::float(*value)),
            Self::Text(value) => write!(f, "\"{value}\""),
            Self::Array(value) => f.write_str(value),
        }
    }
}

/// One param of a device or a service.
#[derive(Debug, Clone)]
pub(super) struct Param {
    /// Its name, unique within the device.
    pub(super) name: &'static str,
    /// What it is now.
    pub(super) value: Value,
    kind: &'static str,
    properties: &'static [&'static str],
    bounds: Option<String>,
    ui: Option<&'static str>,
}

impl Param {
    /// A param that can be read and written.
    pub(super) fn new(name: &'static str, kind: &'static str, value: Value) -> Self {
        Self { name, value, kind, properties: READ_WRITE, bounds: None, ui: None }
    }

    /// With these properties instead of read and write.
    pub(super) fn with(self, properties: &'static [&'static str]) -> Self {
        Self { properties, ..self }
    }

    /// With bounds for a list.
    pub(super) fn at_most(self, max: usize) -> Self {
        Self { bounds: Some(Writer::object().raw("max", max).end()), ..self }
    }

    fn range(self, min: i32, max: i32, step: i32) -> Self {
        Self { bounds: Some(Writer::object().raw("min", min).raw("max", max).raw("step", step).end()), ..self }
    }

    fn shown_as(self, ui: &'static str) -> Self {
        Self { ui: Some(ui), ..self }
    }

    /// Whether its values also go to the time series.
    pub(super) fn is_time_series(&self) -> bool {
        self.properties.contains(&"time_series")
    }

    fn config(&self) -> String {
        let ui = self.ui.map(|ui| format!("esp.ui.{ui}"));
        Writer::object()
            .text("name", self.name)
            .text("type", &format!("esp.param.{}", self.kind))
            .text("data_type", self.value.data_type())
            .raw("properties", dialect::strings(self.properties.iter().copied()))
            .maybe_raw("bounds", self.bounds.as_ref())
            .maybe_text("ui_type", ui.as_deref())
            .end()
    }

    /// The message that adds the present value to its time series.
    pub(super) fn time_series(&self, device: &str, now: i64) -> String {
        let record = Writer::object().raw("t", now).raw("v", &self.value).end();
        let series = Writer::object()
            .text("name", &format!("{device}.{}", self.name))
            .text("type", &format!("esp.param.{}", self.kind))
            .text("dt", self.value.data_type())
            .raw("records", dialect::array([record]))
            .end();
        Writer::object().text("ts_data_version", "2021-09-13").raw("ts_data", dialect::array([series])).end()
    }
}

/// A device or a service.
#[derive(Debug, Clone)]
pub(super) struct Device {
    /// Its name, unique within the node.
    pub(super) name: &'static str,
    /// Its type without the prefix.
    pub(super) kind: &'static str,
    /// The name of its main param.
    pub(super) primary: Option<&'static str>,
    /// What else its config says about it.
    pub(super) attributes: &'static [(&'static str, &'static str)],
    /// Whether it is a service.
    pub(super) service: bool,
    /// Its params, in the order of the config.
    pub(super) params: Vec<Param>,
}

impl Device {
    /// The place of the param of that name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|param| param.name == name)
    }

    /// Whether it has a param of that name whose values are strings.
    pub(super) fn is_text(&self, name: &str) -> bool {
        self.params.iter().any(|param| param.name == name && matches!(param.value, Value::Text(_)))
    }

    /// Some of its params with their values: `{"Light":{"Power":true}}`.
    pub(super) fn report(&self, changed: &[usize]) -> String {
        let values = self.params.iter().enumerate().filter(|(index, _)| changed.contains(index));
        Writer::object().raw(self.name, values_of(values.map(|(_, param)| param))).end()
    }

    fn config(&self) -> String {
        let group = if self.service { "service" } else { "device" };
        Writer::object()
            .text("name", self.name)
            .text("type", &format!("esp.{group}.{}", self.kind))
            .maybe_raw("attributes", (!self.attributes.is_empty()).then(|| attributes(self.attributes)))
            .maybe_text("primary", self.primary)
            .raw("params", dialect::array(self.params.iter().map(Param::config)))
            .end()
    }
}

fn values_of<'a>(params: impl Iterator<Item = &'a Param>) -> String {
    params.fold(Writer::object(), |all, param| all.raw(param.name, &param.value)).end()
}

fn attributes(list: &[(&str, &str)]) -> String {
    dialect::array(list.iter().map(|(name, value)| Writer::object().text("name", name).text("value", value).end()))
}

/// The message with everything a node has: `params/local/init`.
pub(super) fn all_params(devices: &[Device]) -> String {
    devices.iter().fold(Writer::object(), |all, device| all.raw(device.name, values_of(device.params.iter()))).end()
}

/// The message that says what the node is: `config`.
pub(super) fn config(node_id: &str, fw_version: &str, product: Product, devices: &[Device]) -> String {
    let list = |service| dialect::array(devices.iter().filter(move |device| device.service == service).map(Device::config));
    let info = Writer::object()
        .text("name", &format!("Simulated {}", product.name()))
        .text("fw_version", fw_version)
        .text("type", product.name())
        .text("model", "simulated-node")
        .text("project_name", "simulated-node")
        .text("platform", "esp32")
        .end();
    Writer::object()
        .text("node_id", node_id)
        .text("config_version", "2020-03-20")
        .raw("info", info)
        .raw("attributes", attributes(&[("cmd-resp", "1")]))
        .raw("devices", list(false))
        .raw("services", list(true))
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_has_the_order_of_the_device() {
        let config = config("n1", "1.0", Product::Switch, &[Product::Switch.device()]);
        assert_eq!(
            config,
            concat!(
                r#"{"node_id":"n1","config_version":"2020-03-20","info":{"name":"Simulated Switch","fw_version":"1.0","type":"Switch","#,
                r#""model":"simulated-node","project_name":"simulated-node","platform":"esp32"},"attributes":[{"name":"cmd-resp","value":"1"}],"#,
                r#""devices":[{"name":"Switch","type":"esp.device.switch","primary":"Power","params":["#,
                r#"{"name":"Name","type":"esp.param.name","data_type":"string","properties":["read","write"]},"#,
                r#"{"name":"Power","type":"esp.param.power","data_type":"bool","properties":["read","write"],"ui_type":"esp.ui.toggle"}]}],"#,
                r#""services":[]}"#
            )
        );
    }

    #[test]
    fn bounds_and_properties_are_told() {
        let light = Product::Light.device();
        let brightness = light.params[light.position("Brightness").unwrap()].config();
        assert!(brightness.contains(r#""bounds":{"min":0,"max":100,"step":1},"ui_type":"esp.ui.slider"}"#), "{brightness}");
        let sensor = Product::Sensor.device();
        assert!(sensor.config().contains(r#""data_type":"float","properties":["read","time_series"],"ui_type":"esp.ui.text""#));
    }

    #[test]
    fn reports_name_what_changed_in_the_order_of_the_config() {
        let mut light = Product::Light.device();
        light.params[1].value = Value::Bool(true);
        assert_eq!(light.report(&[2, 1]), r#"{"Light":{"Power":true,"Brightness":50}}"#);
        assert_eq!(
            all_params(&[Product::Sensor.device()]),
            r#"{"Temperature Sensor":{"Name":"Temperature Sensor","Temperature":21.00000}}"#
        );
    }

    #[test]
    fn a_time_series_point_names_device_and_param() {
        let sensor = Product::Sensor.device();
        let expected = r#"{"ts_data_version":"2021-09-13","ts_data":[{"name":"Temperature Sensor.Temperature","type":"esp.param.temperature","dt":"float","records":[{"t":1786500123,"v":21.00000}]}]}"#;
        assert_eq!(sensor.params[1].time_series(sensor.name, 1_786_500_123), expected);
    }

    #[test]
    fn values_of_another_type_are_not_read() {
        let message = Json::parse(r#"{"a":25.0,"b":1,"c":"x","d":[1]}"#).unwrap();
        let get = |key| message.get(key).unwrap();
        assert_eq!(Value::Int(0).read(get("a")), None);
        assert_eq!(Value::Float(0.0).read(get("b")), Some(Value::Float(1.0)));
        assert_eq!(Value::Bool(false).read(get("b")), Some(Value::Bool(true)));
        assert_eq!(Value::Text(String::new()).read(get("b")), None);
        assert_eq!(Value::Text(String::new()).read(get("c")), Some(Value::Text("x".to_owned())));
        assert_eq!(Value::Array("[]".to_owned()).read(get("d")), Some(Value::Array("[1]".to_owned())));
    }
}
