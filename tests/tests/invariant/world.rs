//! Everything that runs: three database servers, a bank on each and one on a file, a proxy before each, and a runtime.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use reprise_test_services::{Server, ServicesError};
use reprise_tests::{Bank, Passing, Proxy, Runtime, RuntimeOptions, Treatment, guest, until};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::plan::{ACCOUNTS, Books, OPENING};
use crate::random::Random;

/// Ports of banks: below those that the system gives to outgoing connections, and apart from those of the servers, so
/// that a bank that was killed finds its ports free when it comes back.
const PORTS: std::ops::Range<u16> = 12_000..20_000;

/// Requests of one operation that may be treated badly; the ones after them pass.
const TREATED: u32 = 4;

/// What can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Runtime,
    Bank(Books),
    Server(Books),
}

/// A bank and what leads to it.
pub(crate) struct Branch {
    pub(crate) bank: Bank,
    pub(crate) proxy: Proxy,
    database: String,
    ports: [u16; 2],
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    servers: BTreeMap<Books, Server>,
    pub(crate) branches: BTreeMap<Books, Branch>,
    pub(crate) runtime: Runtime,
    options: RuntimeOptions,
    url: watch::Sender<String>,
}

impl World {
    /// Starts everything; requests are treated as `seed` says.
    pub(crate) async fn open(seed: u64) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let servers = tokio::task::block_in_place(|| start_servers(dir.path()))?;
        let mut branches = BTreeMap::new();
        let mut arguments = Vec::new();
        let mut set = |name: String, value: &str| arguments.extend(["--set".to_owned(), format!("{name}={value}")]);
        set("idle_ms".to_owned(), "300");
        for books in Books::ALL {
            let name = books.name();
            let database = match servers.get(&books) {
                Some(server) => server.url().to_owned(),
                None => format!("sqlite:{}", dir.path().join("books.db").display()),
            };
            let branch = open_branch(dir.path(), books, database, seed).await?;
            if books != Books::Redis {
                set(format!("databases.{name}.url"), &branch.database);
            }
            set(format!("participants.{name}.url"), &branch.proxy.url);
            set(format!("participants.{name}-grpc.url"), &branch.bank.grpc);
            branches.insert(books, branch);
        }
        let options = RuntimeOptions { arguments, ..RuntimeOptions::default() };
        let runtime = start_runtime(dir.path(), &options)?;
        runtime.deploy_as("transfers", &guest("transfers-guest")?).await?;
        let url = watch::Sender::new(runtime.url.clone());
        Ok(Self { dir, servers, branches, runtime, options, url })
    }

    /// The runtime's address, now and after each start.
    pub(crate) fn runtime_url(&self) -> watch::Receiver<String> {
        self.url.subscribe()
    }

    /// The URL of a database.
    pub(crate) fn database(&self, books: Books) -> &str {
        &self.branches[&books].database
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self, victim: Victim) -> Result<()> {
        match victim {
            Victim::Runtime => self.runtime.process.kill().map(drop),
            Victim::Bank(books) => self.branch(books)?.bank.process.kill().map(drop),
            Victim::Server(books) => Ok(self.server(books)?.kill()?),
        }
        .with_context(|| format!("{victim:?} can't be killed"))
    }

    /// Starts it again after it was killed.
    pub(crate) fn start(&mut self, victim: Victim) -> Result<()> {
        let started: Result<()> = tokio::task::block_in_place(|| match victim {
            Victim::Runtime => {
                self.runtime = start_runtime(self.dir.path(), &self.options)?;
                self.url.send_replace(self.runtime.url.clone());
                Ok(())
            }
            Victim::Bank(books) => {
                let dir = self.dir.path().to_owned();
                let branch = self.branch(books)?;
                branch.bank = Bank::start_at(&dir, books.name(), &branch.database, branch.ports)?;
                Ok(())
            }
            Victim::Server(books) => Ok(self.server(books)?.restart()?),
        });
        started.with_context(|| format!("{victim:?} does not come back"))
    }

    /// Starts banks that have ended by themselves, which is one of their faults. The runtime must not do that.
    pub(crate) fn mend(&mut self) -> Result<()> {
        anyhow::ensure!(!self.runtime.process.ended()?, "the runtime has ended by itself");
        for books in Books::ALL {
            if self.branch(books)?.bank.process.ended()? {
                self.start(Victim::Bank(books))?;
            }
        }
        Ok(())
    }

    /// Has a bank play a fault.
    pub(crate) async fn fault(&mut self, books: Books, fault: Value) -> Result<()> {
        if self.branch(books)?.bank.fault(fault).await.is_err() {
            self.revive(books)?;
        }
        Ok(())
    }

    /// Lets everything work as it should, and delivers what is still on its way.
    pub(crate) async fn calm(&mut self) -> Result<()> {
        for books in Books::ALL {
            if self.branch(books)?.bank.clear_faults().await.is_err() {
                self.revive(books)?;
            }
            let proxy = &self.branch(books)?.proxy;
            proxy.treat(|_| Treatment::Pass);
            proxy.release().await?;
        }
        self.mend()
    }

    /// Starts a bank that does not answer since an earlier fault made it crash; it has none then.
    fn revive(&mut self, books: Books) -> Result<()> {
        self.kill(Victim::Bank(books))?;
        self.start(Victim::Bank(books))
    }

    /// What to know of a run that failed: the ends of the logs.
    pub(crate) fn last_words(&self) -> String {
        let logs = ["reprise"].into_iter().chain(Books::ALL.map(Books::name));
        let tail = |name: &str| {
            let text = std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {name}.log\n{}", lines[lines.len().saturating_sub(25)..].join("\n"))
        };
        logs.map(tail).collect::<Vec<_>>().join("\n")
    }

    fn branch(&mut self, books: Books) -> Result<&mut Branch> {
        self.branches.get_mut(&books).with_context(|| format!("there is no bank on {books:?}"))
    }

    fn server(&mut self, books: Books) -> Result<&mut Server> {
        self.servers.get_mut(&books).with_context(|| format!("{books:?} has no server"))
    }
}

fn start_servers(dir: &Path) -> Result<BTreeMap<Books, Server>> {
    type Start = fn(&Path) -> Result<Server, ServicesError>;
    let starts: [(Books, Start); 3] = [
        (Books::Postgres, Server::start_postgres),
        (Books::MariaDb, Server::start_mariadb),
        (Books::Redis, Server::start_redis),
    ];
    std::thread::scope(|scope| {
        let starting = starts.map(|(books, start)| {
            let dir = dir.join(books.name());
            (books, scope.spawn(move || start(&dir)))
        });
        let started = starting.into_iter().map(|(books, thread)| {
            let server = thread.join().expect("starting a server does not panic");
            Ok((books, server.with_context(|| format!("{books:?}"))?))
        });
        started.collect()
    })
}

async fn open_branch(dir: &Path, books: Books, database: String, seed: u64) -> Result<Branch> {
    let ports = free_ports()?;
    let bank = Bank::start_at(dir, books.name(), &database, ports)?;
    for account in ACCOUNTS {
        bank.set_account(account, OPENING).await?;
    }
    let proxy = Proxy::start(&bank.http).await?;
    proxy.treat(judge(seed, books));
    // The address of the HTTP face is the proxy's target for good: a restart keeps it.
    until("the bank to answer", async || Ok(bank.accounts().await.ok().map(drop))).await?;
    Ok(Branch { bank, proxy, database, ports })
}

/// Two ports that nobody listens on now.
fn free_ports() -> Result<[u16; 2]> {
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let count = PORTS.end - PORTS.start;
    let mut port = next.unwrap_or_else(|| u16::try_from(std::process::id() * 37 % u32::from(count)).unwrap_or(0));
    let mut found = [0; 2];
    for place in &mut found {
        let free = (0..count).map(|step| PORTS.start + (port + step) % count);
        let free = free.into_iter().find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
        *place = free.with_context(|| format!("there is no free port in {PORTS:?}"))?;
        port = *place - PORTS.start + 1;
    }
    *next = Some(port);
    Ok(found)
}

fn start_runtime(dir: &Path, options: &RuntimeOptions) -> Result<Runtime> {
    Runtime::start_for(dir, &[], options)
}

/// What becomes of a request: it follows from the seed, the operation, and how often it was sent before.
fn judge(seed: u64, books: Books) -> impl Fn(&Passing) -> Treatment + Send + Sync + 'static {
    let seen: Mutex<HashMap<String, u32>> = Mutex::default();
    move |request| {
        let Passing { path, gid, branch_id, op } = request;
        let name = format!("{} {path} {gid} {branch_id} {op}", books.name());
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = seen.entry(name.clone()).or_default();
        *copy += 1;
        if *copy > TREATED {
            return Treatment::Pass;
        }
        let mut random = Random::new(seed, &name, u64::from(*copy));
        match random.between(0, 100) {
            0..8 => Treatment::Double,
            8..14 => Treatment::Echo,
            14..20 => Treatment::Lose,
            20..26 => Treatment::Delay(Duration::from_millis(random.between(5, 300))),
            26..28 => Treatment::Hold,
            _ => Treatment::Pass,
        }
    }
}
