//! What this server is called and which certificates it shows, put together from the settings; and what keeps
//! that true while it serves.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    acme::{Life, Orderer, Tokens},
    ca::Authority,
    certificates::{Certificates, files::Files, own::Own},
    folder::Folder,
    lan::{self, Announced, Announcer, Lan},
    settings::{Host, Names, Settings},
    sockets::Sockets,
};

/// The names and certificates of a server that does not serve yet.
pub struct Reach {
    /// The certificates.
    pub certificates: Arc<Certificates>,
    /// All names by which others reach this machine, the most important first.
    pub names: Names,
    /// Those for which there is, or will be, a certificate that is not of our own CA.
    pub public: Vec<Host>,
    /// The home network, if it is served, and who answers there for the name.
    pub lan: Option<(Lan, Announced)>,
    own: Own,
    announcer: Option<(Host, Announcer)>,
    files: Option<Files>,
    orderer: Option<(Orderer, Option<Life>)>,
}

impl Reach {
    /// Asks the network, reads what is kept, makes what is missing. `now` is in seconds.
    pub async fn open(settings: &Settings, folder: &Folder, sockets: &Sockets, now: i64) -> anyhow::Result<Self> {
        let certificates = Certificates::new();
        let mut files = Files::of(&settings.reach.files)?;
        let acme = &settings.reach.acme;
        let ports = (sockets.http.is_some(), sockets.https.is_some());
        let orderer = Orderer::of(acme, folder.path(), &certificates, ports)?;
        anyhow::ensure!(files.is_none() || orderer.is_none(), "--cert and --acme-domain are two ways to a certificate: choose one");

        let announcer = if settings.reach.lan { ask().await } else { None };
        let name = announcer.as_ref().filter(|(_, announcer)| announcer.announced.leads_here()).map(|(name, _)| name.clone());
        let lan = settings.reach.lan.then(|| Lan::new(name));

        let authority = Authority::open(folder.path(), now)?;
        let mut public: Vec<Host> = acme.domains.iter().map(|domain| domain.host().clone()).collect();
        if let Some(files) = &mut files {
            public.extend(files.show(&certificates)?.unwrap_or_default());
        }
        let hosts: Vec<Host> = settings.names.hosts.iter().chain(&public).cloned().collect();
        let names = Names { hosts: hosts.iter().cloned().chain(lan.iter().flat_map(Lan::hosts)).collect() };
        let own = Own { folder: folder.path().to_owned(), hosts, bind: sockets.ip().unwrap_or(settings.bind), lan: lan.clone() };
        if own.show(&authority, &certificates, now)? && !authority.is_new() {
            tracing::info!("the server has a new certificate");
        }
        let orderer = orderer.map(|orderer| {
            let life = orderer.show_kept();
            (orderer, life)
        });
        let announced = announcer.as_ref().map_or(Announced::Nowhere, |(_, announcer)| announcer.announced);
        let lan = lan.map(|lan| (lan, announced));
        Ok(Self { certificates, names, public, lan, own, announcer, files, orderer })
    }

    /// What an authority is answered over HTTP, if one is asked for a certificate.
    pub fn tokens(&self) -> Option<Tokens> {
        self.orderer.as_ref().map(|(orderer, _)| orderer.tokens().clone())
    }

    /// From now on everything is kept true, in tasks.
    pub fn keep(self, sockets: &Sockets) -> Kept {
        let certificates = self.certificates;
        let mut tasks = vec![tokio::spawn(self.own.watch(Arc::clone(&certificates)))];
        tasks.extend(self.files.map(|files| tokio::spawn(files.watch(certificates))));
        tasks.extend(self.orderer.map(|(orderer, life)| tokio::spawn(orderer.run(life))));
        if let Some((name, announcer)) = &self.announcer {
            announcer.announce(name, &[("http", sockets.http), ("https", sockets.https), ("secure-mqtt", sockets.mqtts)]);
        }
        Kept { tasks, announcer: self.announcer.map(|(_, announcer)| announcer) }
    }
}

/// Asks who has this machine's name on the network.
async fn ask() -> Option<(Host, Announcer)> {
    let Some(name) = lan::name() else {
        tracing::warn!("this machine's name can't be one on the network: only its addresses are used");
        return None;
    };
    let announcer = Announcer::ask(&name, &lan::all_addresses()).await;
    Some((name, announcer))
}

/// What keeps names and certificates true.
pub struct Kept {
    tasks: Vec<JoinHandle<()>>,
    announcer: Option<Announcer>,
}

impl Kept {
    /// Ends it.
    pub async fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Some(announcer) = self.announcer {
            announcer.stop().await;
        }
    }
}
