//! What runs: a database server, a bank, and nodes. Each node has a cable to the server, and one to the bank that leads
//! through a proxy, which writes down what arrives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reprise_test_services::{Galera, Server};
use reprise_tests::{Bank, Books, Passing, Proxy, Runtime, RuntimeOptions, Treatment, Wire, guest, until};
use serde_json::json;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tokio::sync::watch;
use url::Url;

/// The length of a lease.
pub(crate) const LEASE: Duration = Duration::from_millis(1_500);
/// What `alice` has at first.
pub(crate) const MONEY: i64 = 1_000_000;
/// How long a request takes to the bank: so there is always something under way.
const WAY: Duration = Duration::from_millis(80);
/// Two servers that start together know each other before this.
const LONGEST_JOIN: Duration = Duration::from_secs(30);

/// Executions that call for ever.
const STUBBORN: usize = 4;

/// A request of a node that the bank has got.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// UTC milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) node: String,
    pub(crate) what: Passing,
}

/// A node and what leads to it and from it.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) runtime: Runtime,
    pub(crate) to_database: Wire,
    pub(crate) to_bank: Wire,
    /// Ends when this is dropped.
    _proxy: Proxy,
}

/// Everything.
pub(crate) struct Cluster {
    pub(crate) dir: TempDir,
    pub(crate) bank: Bank,
    pub(crate) nodes: Vec<Node>,
    /// If it is nobody else's.
    pub(crate) server: Option<Server>,
    /// If its database is two servers.
    pub(crate) galera: Option<Galera>,
    store: Books,
    /// Where the nodes find the database, in turn. The last place is there as long as the test.
    databases: Vec<String>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    urls: watch::Sender<Vec<String>>,
    started: usize,
}

impl Cluster {
    /// Three nodes, on a server that others use too.
    pub(crate) async fn open(store: Books) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let database = store.create(dir.path(), "reprise").await;
        Self::on(dir, store, None, vec![database]).await
    }

    /// Three nodes, on two servers that are one database: the first and the third node on the first server.
    pub(crate) async fn open_on_galera() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let folder = dir.path().join("galera");
        let mut galera = tokio::task::block_in_place(|| Galera::start(&folder))?;
        let [first, second] = galera.servers();
        // Made on one, it is on both.
        let name = Url::parse(&database_of_joined(second).await?)?.path().to_owned();
        let on = |server: &Server| -> Result<String> {
            let mut url = Url::parse(server.url())?;
            url.set_path(&name);
            Ok(url.into())
        };
        let databases = vec![on(first)?, on(second)?];
        let mut cluster = Self::on(dir, Books::MariaDb, None, databases).await?;
        cluster.galera = Some(galera);
        Ok(cluster)
    }

    /// Three nodes, on a server of their own.
    pub(crate) async fn open_on_own_server(store: Books) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let folder = dir.path().join("server");
        let server = tokio::task::block_in_place(|| match store {
            Books::Postgres => Server::start_postgres(&folder),
            Books::MariaDb | Books::Sqlite | Books::Redis => Server::start_mariadb(&folder),
        })?;
        let database = server.database().await?;
        Self::on(dir, store, Some(server), vec![database]).await
    }

    async fn on(dir: TempDir, store: Books, server: Option<Server>, databases: Vec<String>) -> Result<Self> {
        let bank = Bank::start(dir.path(), &[("alice", MONEY), ("bob", 0)])?;
        let (arrivals, urls) = (Arc::default(), watch::Sender::new(Vec::new()));
        let (nodes, galera) = (Vec::new(), None);
        let mut cluster = Self { dir, bank, nodes, server, galera, store, databases, arrivals, urls, started: 0 };
        for _ in 0..3 {
            cluster.join().await?;
        }
        for workflow in ["transfer-saga", "transfer-tcc"] {
            cluster.nodes[0].runtime.deploy(workflow).await?;
        }
        cluster.nodes[0].runtime.deploy_as("scenario", &guest("scenario-guest")?).await?;
        Ok(cluster)
    }

    /// Starts one more node, the last one of `nodes`.
    pub(crate) async fn join(&mut self) -> Result<()> {
        let name = format!("node-{}", self.started);
        let mut database = Url::parse(&self.databases[self.started % self.databases.len()])?;
        self.started += 1;
        let to_database = Wire::to(&place(&database)?).await?;
        let moved = database.set_port(Some(to_database.address.port()));
        moved.ok().context("the URL of the database has a port")?;
        let proxy = Proxy::start(&self.bank.http).await?;
        proxy.treat(self.noted(&name));
        let to_bank = Wire::to(&place(&Url::parse(&proxy.url)?)?).await?;
        let settings = [
            format!("store={}", self.store.dialect()),
            format!("store_url={:?}", database.as_str()),
            format!("store_lease_ms={}", LEASE.as_millis()),
            format!("node={name}"),
            "idle_ms=300".to_owned(),
            "call_timeout_ms=2000".to_owned(),
            "participants.bank.retry.initial_ms=50".to_owned(),
            "participants.bank.retry.max_ms=100".to_owned(),
        ];
        let options = RuntimeOptions::set(&settings.each_ref().map(String::as_str));
        let dir = self.dir.path().join(&name);
        std::fs::create_dir(&dir)?;
        let bank = format!("http://{}", to_bank.address);
        let runtime = tokio::task::block_in_place(|| Runtime::start_for(&dir, &[("bank", &bank)], &options))?;
        self.urls.send_modify(|urls| urls.push(runtime.url.clone()));
        self.nodes.push(Node { name, runtime, to_database, to_bank, _proxy: proxy });
        Ok(())
    }

    /// Takes a node from those that clients go to.
    pub(crate) fn hide(&self, node: usize) {
        let hidden = &self.nodes[node].runtime.url;
        self.urls.send_modify(|urls| urls.retain(|url| url != hidden));
    }

    /// Where clients go to.
    pub(crate) fn urls(&self) -> watch::Receiver<Vec<String>> {
        self.urls.subscribe()
    }

    fn noted(&self, node: &str) -> impl Fn(&Passing) -> Treatment + Send + Sync + 'static {
        let (arrivals, node) = (Arc::clone(&self.arrivals), node.to_owned());
        move |passing| {
            let arrival = Arrival { at_ms: now_ms(), node: node.clone(), what: passing.clone() };
            arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
            Treatment::Delay(WAY)
        }
    }

    /// All requests that have arrived so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests of one node that arrived after a time.
    pub(crate) fn arrivals_of(&self, node: &str, after_ms: i64) -> Vec<Arrival> {
        let all = self.arrivals().into_iter();
        all.filter(|arrival| arrival.node == node && arrival.at_ms > after_ms).collect()
    }

    /// How many active executions the database has under the name of a node.
    pub(crate) async fn owned(&self, node: &str) -> Result<i64> {
        let text = "SELECT COUNT(*) FROM executions e JOIN nodes n ON e.worker = n.id WHERE n.name = '{node}'";
        self.number(&text.replace("{node}", node)).await
    }

    /// Has a node call the bank again and again, until the bank's faults are taken away: nothing is recorded meanwhile,
    /// so only its lease can stop it. The gids.
    pub(crate) async fn calls_for_ever(&self, node: usize) -> Result<Vec<String>> {
        let gids: Vec<String> = (0..STUBBORN).map(|i| format!("stubborn-{i}")).collect();
        let input = json!({ "from": "alice", "to": "bob", "amount": 1 });
        for gid in &gids {
            self.bank.fault(json!({ "path": "/transfer-in", "gid": gid, "kind": "error" })).await?;
            self.nodes[node].runtime.trigger(gid, "transfer-saga", &input, None).await?;
            self.bank.asked(gid, "/transfer-in", 2).await?;
        }
        Ok(gids)
    }

    /// When the lease of a node ends, by the database's clock, UTC milliseconds.
    pub(crate) async fn lease_ends_ms(&self, node: &str) -> Result<i64> {
        self.number(&format!("SELECT expires_at FROM nodes WHERE name = '{node}'")).await
    }

    async fn number(&self, text: &str) -> Result<i64> {
        let text = AssertSqlSafe(text.to_owned());
        let database = self.databases.last().context("a database")?;
        Ok(match self.store {
            Books::Postgres => {
                let mut connection = PgConnection::connect(database).await?;
                sqlx::query_scalar(text).fetch_one(&mut connection).await?
            }
            Books::MariaDb | Books::Sqlite | Books::Redis => {
                let mut connection = MySqlConnection::connect(database).await?;
                sqlx::query_scalar(text).fetch_one(&mut connection).await?
            }
        })
    }

    /// Waits until a node works on something.
    pub(crate) async fn is_busy(&self, node: &str) -> Result<()> {
        until(&format!("{node} to work"), async || Ok((self.owned(node).await? > 0).then_some(()))).await
    }

    /// Waits until both servers are one database again.
    pub(crate) async fn is_whole(&self) -> Result<()> {
        let size = "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status \
                    WHERE variable_name = 'wsrep_cluster_size'";
        until("both servers", async || Ok((self.number(size).await? == 2).then_some(()))).await
    }

    /// Waits until nothing is left of what a dead node worked on.
    pub(crate) async fn is_inherited(&self, node: &str) -> Result<()> {
        until(&format!("the heirs of {node}"), async || Ok((self.owned(node).await? == 0).then_some(()))).await
    }

    /// The nodes that have ended, by name and exit code.
    pub(crate) fn ended(&mut self) -> Result<Vec<(String, Option<i32>)>> {
        let mut ended = Vec::new();
        for node in &mut self.nodes {
            if let Some(status) = node.runtime.process.exit()? {
                ended.push((node.name.clone(), status.code()));
            }
        }
        Ok(ended)
    }

    /// Waits until a node has ended by itself; its exit code.
    pub(crate) async fn ends(&mut self, node: usize) -> Result<Option<i32>> {
        let node = &mut self.nodes[node];
        let (what, process) = (format!("the end of {}", node.name), Mutex::new(&mut node.runtime.process));
        let exit = until(&what, async || process.lock().unwrap_or_else(PoisonError::into_inner).exit()).await?;
        Ok(exit.code())
    }

    /// What a node has logged.
    pub(crate) fn log(&self, node: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.dir.path().join(node).join("reprise.log"))?)
    }

    /// What to know of a run that failed: the ends of the logs.
    pub(crate) fn last_words(&self) -> String {
        let tail = |node: &Node| {
            let text = self.log(&node.name).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {}\n{}", node.name, lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        self.nodes.iter().map(tail).collect::<Vec<_>>().join("\n")
    }
}

/// UTC milliseconds.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn place(url: &Url) -> Result<String> {
    let (host, port) = (url.host_str().context("a host")?, url.port().context("a port")?);
    Ok(format!("{host}:{port}"))
}

/// A database on a server that has just joined another one: while the two find each other it may hang up once more.
async fn database_of_joined(server: &Server) -> Result<String> {
    let deadline = Instant::now() + LONGEST_JOIN;
    loop {
        match server.database().await {
            Ok(url) => return Ok(url),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
