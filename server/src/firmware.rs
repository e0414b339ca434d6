//! What goes into a product's firmware so that it comes here: lines for its `sdkconfig.defaults`, which are the
//! same settings as in `idf.py menuconfig`. No source changes (contract `mqtt-and-node.md` §1.1; `docs/firmware.md`).

use std::path::Path;

/// The ports that firmware can be set to, and no others.
const MQTT: u16 = 8883;
const HTTPS: u16 = 443;

/// The settings for nodes that `admin node add` made, which know the host already. `ca` is the file that they
/// must trust, unless they do anyhow. `None` if firmware can't come to these ports.
pub fn settings(https: Option<u16>, mqtts: Option<u16>, ca: Option<&Path>) -> Option<Vec<String>> {
    let port = if https == Some(HTTPS) {
        // The default, and what firmware that can't be changed has.
        "CONFIG_ESP_RMAKER_MQTT_PORT_443=y"
    } else if mqtts == Some(MQTT) {
        "CONFIG_ESP_RMAKER_MQTT_PORT_8883=y"
    } else {
        return None;
    };
    let mut lines = vec!["CONFIG_ESP_RMAKER_NO_CLAIM=y".to_owned(), port.to_owned()];
    if let Some(ca) = ca {
        lines.push("CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE=y".to_owned());
        lines.push(format!("CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH=\"{}\"", ca.display()));
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_knows_two_ports_and_needs_our_ca_only_where_it_serves() {
        let ca = Path::new("/data/ca.crt");
        let both = settings(Some(443), Some(8883), None).unwrap();
        assert_eq!(both, ["CONFIG_ESP_RMAKER_NO_CLAIM=y", "CONFIG_ESP_RMAKER_MQTT_PORT_443=y"]);
        let own = settings(Some(8443), Some(8883), Some(ca)).unwrap();
        assert_eq!(own[1], "CONFIG_ESP_RMAKER_MQTT_PORT_8883=y");
        assert_eq!(own[3], "CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH=\"/data/ca.crt\"");
        assert_eq!(settings(Some(8443), Some(1883), Some(ca)), None);
        assert_eq!(settings(None, None, Some(ca)), None);
    }
}
