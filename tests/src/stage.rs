//! A bank and a runtime in a folder of their own, with the workflow of `tests/guests/scenario` deployed.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Bank, Proxy, Runtime, RuntimeOptions, guest};

/// The money in the bank, all of it in `alice` at first.
const MONEY: i64 = 100_000;

/// A bank and a runtime.
pub struct Stage {
    /// Everything of both.
    pub dir: TempDir,
    /// With the accounts `alice` and `bob`.
    pub bank: Bank,
    /// Knows the workflow `scenario`.
    pub runtime: Runtime,
    options: RuntimeOptions,
}

/// The input of the workflow `scenario` that takes `path`: 1 from alice to bob.
#[must_use]
pub fn scenario(path: impl Into<Value>) -> Value {
    json!({ "from": "alice", "to": "bob", "amount": 1, "path": path.into() })
}

impl Stage {
    /// Starts both and deploys the workflow.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn open(options: RuntimeOptions) -> Result<Self> {
        let (dir, bank) = Self::bank()?;
        Self::with(dir, bank, options).await
    }

    /// Starts both with a proxy between them: the runtime reaches the bank's HTTP face through it only.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn open_behind_proxy(mut options: RuntimeOptions) -> Result<(Self, Proxy)> {
        let (dir, bank) = Self::bank()?;
        let proxy = Proxy::start(&bank.http).await?;
        // Of two participants with one name the last one counts.
        options.arguments.extend(["--participant".to_owned(), format!("bank={}", proxy.url)]);
        Ok((Self::with(dir, bank, options).await?, proxy))
    }

    fn bank() -> Result<(TempDir, Bank)> {
        let dir = tempfile::tempdir()?;
        let bank = Bank::start(dir.path(), &[("alice", MONEY), ("bob", 0)])?;
        Ok((dir, bank))
    }

    async fn with(dir: TempDir, bank: Bank, options: RuntimeOptions) -> Result<Self> {
        let runtime = Runtime::start(dir.path(), &bank, &options)?;
        runtime.deploy_as("scenario", &guest("scenario-guest")?).await?;
        Ok(Self { dir, bank, runtime, options })
    }

    /// Starts an execution of `scenario`.
    ///
    /// # Errors
    /// It is refused.
    pub async fn begin(&self, gid: &str, input: &Value) -> Result<()> {
        self.runtime.trigger(gid, "scenario", input, None).await.map(drop)
    }

    /// Kills the runtime with SIGKILL.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.runtime.process.kill().map(drop)
    }

    /// Starts the runtime again, after it has ended.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&mut self) -> Result<()> {
        self.runtime = Runtime::start(self.dir.path(), &self.bank, &self.options)?;
        Ok(())
    }

    /// Starts the runtime in another way, after it has ended.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_with(&mut self, options: RuntimeOptions) -> Result<()> {
        self.options = options;
        self.start()
    }

    /// Kills the runtime and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.start()
    }

    /// What the runtime has logged.
    ///
    /// # Errors
    /// There is no log.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.dir.path().join("reprise.log"))?)
    }

    /// Checks the bank's accounts: `bob` has `moved`, `alice` has the rest, and nothing is frozen.
    ///
    /// # Errors
    /// It is otherwise.
    pub async fn has_moved(&self, moved: i64) -> Result<()> {
        let accounts = self.bank.accounts().await?;
        let want = [("alice".to_owned(), (MONEY - moved, 0)), ("bob".to_owned(), (moved, 0))];
        ensure!(accounts == want.into(), "{moved} should have moved: {accounts:?}");
        Ok(())
    }
}
