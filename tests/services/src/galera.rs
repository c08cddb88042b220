//! Two MariaDB servers that are one database: Galera replicates each commit before it is acknowledged.

use std::ffi::OsString;
use std::path::Path;

use crate::error::ServicesError;
use crate::installed;
use crate::server::{Server, free_port};

/// The provider, as Debian's package `galera-4` has it.
const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// A pair of servers on free ports of 127.0.0.1. The second one counts for more than the first, so it goes on when the
/// first is gone; the other way round it does not, as in every cluster that has lost its majority.
#[derive(Debug)]
pub struct Galera {
    servers: [Server; 2],
}

/// Where a server talks to the other one.
#[derive(Debug, Clone, Copy)]
struct Ports {
    group: u16,
    state: u16,
    increments: u16,
}

impl Galera {
    /// Starts the pair. `folder`: for the data of both.
    ///
    /// # Errors
    /// [`ServicesError`]: MariaDB, Galera or rsync is not installed, or cannot work in this folder.
    pub fn start(folder: &Path) -> Result<Self, ServicesError> {
        installed::find("rsync", "rsync")?;
        if !Path::new(PROVIDER).is_file() {
            return Err(ServicesError::Missing { program: "libgalera_smm.so", package: "galera-4" });
        }
        let ports = [Ports::choose()?, Ports::choose()?];
        let all = format!("gcomm://127.0.0.1:{},127.0.0.1:{}", ports[0].group, ports[1].group);
        let founding = [arguments(ports[0], 1, "gcomm://"), vec!["--wsrep-new-cluster".into()]].concat();
        let mut first = Server::start_mariadb_with(&folder.join("first"), founding)?;
        let second = Server::start_mariadb_with(&folder.join("second"), arguments(ports[1], 2, &all))?;
        // Who comes back joins, and founds no other cluster.
        first.set_more(arguments(ports[0], 1, &all));
        Ok(Self { servers: [first, second] })
    }

    /// The first one, which may be killed and restarted, and the second one.
    pub fn servers(&mut self) -> &mut [Server; 2] {
        &mut self.servers
    }
}

impl Ports {
    fn choose() -> Result<Self, ServicesError> {
        Ok(Self { group: free_port()?, state: free_port()?, increments: free_port()? })
    }
}

fn arguments(ports: Ports, weight: u8, cluster: &str) -> Vec<OsString> {
    let Ports { group, state, increments } = ports;
    let options = [
        format!("gmcast.listen_addr=tcp://127.0.0.1:{group}"),
        format!("ist.recv_addr=127.0.0.1:{increments}"),
        format!("pc.weight={weight}"),
        // Who is gone is missed after two seconds instead of five; the others must fit to that.
        "evs.suspect_timeout=PT2S".to_owned(),
        "evs.inactive_timeout=PT6S".to_owned(),
        "evs.install_timeout=PT3S".to_owned(),
        "evs.keepalive_period=PT0.5S".to_owned(),
        "evs.inactive_check_period=PT0.5S".to_owned(),
        "gcache.size=32M".to_owned(),
    ];
    let words = [
        "--binlog-format=ROW".to_owned(),
        "--innodb-autoinc-lock-mode=2".to_owned(),
        "--wsrep-on=ON".to_owned(),
        format!("--wsrep-provider={PROVIDER}"),
        "--wsrep-cluster-name=reprise-test".to_owned(),
        format!("--wsrep-cluster-address={cluster}"),
        format!("--wsrep-node-address=127.0.0.1:{group}"),
        "--wsrep-sst-method=rsync".to_owned(),
        format!("--wsrep-sst-receive-address=127.0.0.1:{state}"),
        format!("--wsrep-provider-options={}", options.join(";")),
    ];
    words.into_iter().map(Into::into).collect()
}
