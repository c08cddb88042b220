//! What a client of DTM does in each kind of transaction, safe to repeat from the start: as one does that was told nothing.

use anyhow::{Result, ensure};
use reprise_tests::{Bank, client};
use serde_json::{Value, json};

/// A kind of transaction, and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Ends well, or not.
    Saga(Ends),
    /// Prepared and submitted.
    Message,
    /// Prepared, and its sender is heard of no more: it had committed nothing.
    LostMessage,
    /// Submitted, or aborted.
    Tcc(Ends),
    /// Submitted, or aborted.
    Xa(Ends),
    /// Its client says that it has ended.
    Workflow(Ends),
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Well,
    Undone,
}

impl Ends {
    fn status(self) -> &'static str {
        match self {
            Self::Well => "succeed",
            Self::Undone => "failed",
        }
    }
}

impl Script {
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Saga(_) => "saga",
            Self::Message | Self::LostMessage => "msg",
            Self::Tcc(_) => "tcc",
            Self::Xa(_) => "xa",
            Self::Workflow(_) => "workflow",
        }
    }

    /// What DTM calls its end.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Saga(ends) | Self::Tcc(ends) | Self::Xa(ends) | Self::Workflow(ends) => ends.status(),
            Self::Message => "succeed",
            Self::LostMessage => "failed",
        }
    }

    /// Whether the bank refuses the second action.
    pub(crate) fn is_refused(self) -> bool {
        self == Self::Saga(Ends::Undone)
    }

    /// Does all that the client does.
    pub(crate) async fn play(self, dtm: &str, bank: &Bank, gid: &str) -> Result<()> {
        let client = Client { dtm, bank: &bank.http, gid, kind: self.kind() };
        match self {
            Self::Saga(_) => client.say("submit", &client.steps()).await,
            Self::Message => {
                client.say_once("prepare", &client.message()).await?;
                client.say("submit", &client.message()).await
            }
            Self::LostMessage => client.say_once("prepare", &client.message()).await,
            Self::Tcc(ends) => client.tcc(ends).await,
            Self::Xa(ends) => client.xa(ends).await,
            Self::Workflow(ends) => client.workflow(ends).await,
        }
    }
}

struct Client<'a> {
    dtm: &'a str,
    bank: &'a str,
    gid: &'a str,
    kind: &'static str,
}

impl Client<'_> {
    async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let response = client().post(format!("{}/{path}", self.dtm)).json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// Says something about the transaction; `more` is what it says beside its name.
    async fn say(&self, path: &str, more: &Value) -> Result<()> {
        let (status, answer) = self.post(path, &self.named(more)).await?;
        ensure!(status == 200, "{path}: {status} {answer}");
        Ok(())
    }

    /// The same, where it may be past that already.
    async fn say_once(&self, path: &str, more: &Value) -> Result<()> {
        let (status, answer) = self.post(path, &self.named(more)).await?;
        let past = answer["message"]
            .as_str()
            .is_some_and(|text| text.contains("cannot prepare") || text.contains("no trans with"));
        ensure!(status == 200 || (status == 409 && past), "{path}: {status} {answer}");
        Ok(())
    }

    fn named(&self, more: &Value) -> Value {
        let mut body = json!({ "gid": self.gid, "trans_type": self.kind });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.bank)
    }

    fn steps(&self) -> Value {
        let step = |path: &str| json!({ "action": self.url(path), "compensate": self.url(&format!("{path}/revert")) });
        let payloads = ["alice", "bob"].map(|account| transfer(account).to_string());
        json!({ "steps": [step("/transfer-out"), step("/transfer-in")], "payloads": payloads })
    }

    fn message(&self) -> Value {
        json!({ "steps": [{ "action": self.url("/transfer-in") }], "payloads": [transfer("bob").to_string()],
            "query_prepared": self.url("/query-prepared"), "timeout_to_fail": 1 })
    }

    async fn tcc(&self, ends: Ends) -> Result<()> {
        self.say_once("prepare", &json!({})).await?;
        for (branch, path, account) in [("01", "/transfer-out", "alice"), ("02", "/transfer-in", "bob")] {
            let url = |part: &str| self.url(&format!("{path}/{part}"));
            let data = transfer(account).to_string();
            let more = json!({ "branch_id": branch, "data": data, "confirm": url("confirm"), "cancel": url("cancel") });
            self.say_once("registerBranch", &more).await?;
            let query = format!("gid={}&trans_type=tcc&branch_id={branch}&op=try", self.gid);
            client()
                .post(format!("{}?{query}", url("try")))
                .json(&transfer(account))
                .send()
                .await?
                .error_for_status()?;
        }
        self.decide(ends).await
    }

    async fn xa(&self, ends: Ends) -> Result<()> {
        self.say_once("prepare", &json!({})).await?;
        for branch in ["01", "02"] {
            self.say_once("registerBranch", &json!({ "branch_id": branch, "url": self.url("/notify") })).await?;
        }
        self.decide(ends).await
    }

    async fn decide(&self, ends: Ends) -> Result<()> {
        match ends {
            Ends::Well => self.say("submit", &json!({})).await,
            Ends::Undone => self.say("abort", &json!({ "rollback_reason": "given up" })).await,
        }
    }

    /// As DTM's clients run one: what is known is not done again.
    async fn workflow(&self, ends: Ends) -> Result<()> {
        let begin = json!({ "query_prepared": self.url("/notify"), "custom_data": "{\"name\": \"transfer\", \"data\": \"e30=\"}",
            "retry_interval": 1 });
        let (status, known) = self.post("prepareWorkflow", &self.named(&begin)).await?;
        ensure!(status == 200, "{status} {known}");
        if known["transaction"]["status"] != "prepared" {
            return Ok(());
        }
        let done = known["progresses"].as_array().map_or(0, Vec::len);
        for (branch, path, account) in
            [("01", "/transfer-out", "alice"), ("02", "/transfer-in", "bob")].into_iter().skip(done)
        {
            let query = format!("gid={}&trans_type=workflow&branch_id={branch}&op=action", self.gid);
            let url = format!("{}?{query}", self.url(path));
            client().post(url).json(&transfer(account)).send().await?.error_for_status()?;
            let more = json!({ "branch_id": branch, "op": "action", "status": "succeed", "data": "{}" });
            self.say("registerBranch", &more).await?;
        }
        self.say(
            "submit",
            &json!({ "req_extra": { "status": ends.status(), "result": "ZG9uZQ==", "rollback_reason": "" } }),
        )
        .await
    }
}

fn transfer(account: &str) -> Value {
    json!({ "account": account, "amount": 1 })
}
