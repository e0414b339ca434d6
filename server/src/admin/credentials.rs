//! The files of one node. Names and contents are those that Espressif's own tools make and read
//! (contract `mqtt-and-node.md` §3.5, §3.6, §9.3).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    files::{self, Readers},
    say,
};

/// Bytes of a node's own randomness; its proof of possession and the name it shows over BLE come from them.
pub(crate) const RANDOM: usize = 64;

/// What a node gets.
pub(crate) struct Credentials<'a> {
    pub(crate) node: &'a str,
    pub(crate) certificate_pem: &'a str,
    pub(crate) key_pem: &'a str,
    pub(crate) mqtt_host: &'a str,
    pub(crate) random: &'a [u8; RANDOM],
}

impl Credentials<'_> {
    /// Writes the files into a new folder of the node's name. `out` is an absolute path.
    pub(super) fn write(&self, out: &Path) -> io::Result<PathBuf> {
        let folder = out.join(self.node);
        fs::create_dir(&folder)?;
        self.fill(&folder).inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
        Ok(folder)
    }

    /// Writes the files into a folder that has none of them. `folder` is an absolute path. The certificate comes last:
    /// where it is, the rest is.
    pub(crate) fn fill(&self, folder: &Path) -> io::Result<()> {
        let random = say::hex(self.random);
        let table = self.table(folder, &random)?;
        let file = |name: &str, content: &str, readers| files::write_new(&folder.join(name), content.as_bytes(), readers);
        file("node.key", self.key_pem, Readers::Owner)?;
        // No line ends: these are values, not lines.
        file("node.info", self.node, Readers::All)?;
        file("endpoint.info", self.mqtt_host, Readers::All)?;
        file("random.info", &random, Readers::Owner)?;
        file("node_info.csv", &table, Readers::Owner)?;
        file("node.crt", self.certificate_pem, Readers::All)?;
        files::sync_name(&folder.join("node_info.csv"))?;
        files::sync_name(folder)
    }

    /// The table from which Espressif's NVS partition generator makes the image for the partition `fctry`.
    /// It takes file names relative to the folder in which it is run, so they are absolute here.
    fn table(&self, folder: &Path, random: &str) -> io::Result<String> {
        let path = |name: &str| {
            let path = folder.join(name);
            path.to_str().map(ToOwned::to_owned).ok_or_else(|| io::Error::other("the folder's name is no UTF-8, which the table needs"))
        };
        let (certificate, key) = (path("node.crt")?, path("node.key")?);
        let rows = [
            ["key", "type", "encoding", "value"],
            ["rmaker_creds", "namespace", "", ""],
            ["node_id", "data", "binary", self.node],
            ["mqtt_host", "data", "binary", self.mqtt_host],
            ["client_cert", "file", "binary", &certificate],
            ["client_key", "file", "binary", &key],
            ["random", "data", "hex2bin", random],
        ];
        Ok(rows.map(|row| row.map(cell).join(",") + "\n").concat())
    }
}

/// A value as it stands in the table.
fn cell(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use shared::id::NodeId;

    use super::*;
    use crate::ca::{Authority, KeyKind};

    #[test]
    fn a_node_gets_its_files_and_the_table_names_them() {
        let outer = tempfile::tempdir().unwrap();
        let authority = Authority::open(outer.path(), 1_790_000_000).unwrap();
        let node: NodeId = "kT3vYw8uQm1rZs5dLb9xNa".parse().unwrap();
        let issued = authority.node(&node, KeyKind::Ecdsa, 1_790_000_000).unwrap();
        let random = [0xa5; RANDOM];
        let credentials = Credentials {
            node: node.as_str(),
            certificate_pem: &issued.certificate_pem,
            key_pem: &issued.key_pem,
            mqtt_host: "cloud.example.com",
            random: &random,
        };
        let out = outer.path().join("a,b");
        fs::create_dir(&out).unwrap();
        let folder = credentials.write(&out).unwrap();
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text("node.info"), node.as_str());
        assert_eq!(text("endpoint.info"), "cloud.example.com");
        assert_eq!(text("random.info"), "a5".repeat(64));
        let at = folder.display();
        let table = format!(
            "key,type,encoding,value\nrmaker_creds,namespace,,\nnode_id,data,binary,{node}\nmqtt_host,data,binary,cloud.example.com\n\
             client_cert,file,binary,\"{at}/node.crt\"\nclient_key,file,binary,\"{at}/node.key\"\nrandom,data,hex2bin,{}\n",
            "a5".repeat(64)
        );
        assert_eq!(text("node_info.csv"), table);
        assert_eq!(credentials.write(&out).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(folder.join("node.key").exists(), "what was there stays");
    }
}
