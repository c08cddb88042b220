//! A transfer as a SAGA whose requests are made by an ordinary HTTP client, `wstd`, which knows nothing of Reprise.

use reprise_guest::{Branch, Failure, Participant, Transaction};
use serde::{Deserialize, Serialize};
use wstd::http::{Body, Client, Request};
use wstd::runtime::block_on;

/// What to move.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    /// The bank's own URL, without a slash at the end.
    url: String,
    from: String,
    to: String,
    amount: i64,
}

/// What it led to.
#[derive(Debug, Serialize)]
pub struct Output {
    from_balance: i64,
    to_balance: i64,
}

#[derive(Serialize)]
struct Posting<'a> {
    account: &'a str,
    amount: i64,
}

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

#[reprise_guest::workflow]
async fn transfer(tx: &Transaction, input: Input) -> Result<Output, Failure> {
    let bank = Participant::named("bank");
    let taken = Posting { account: &input.from, amount: input.amount };
    let given = Posting { account: &input.to, amount: input.amount };

    let out = tx.branch().on_rollback(bank.post("/transfer-out/revert").json(&taken));
    let from = post(&out, format!("{}/transfer-out", input.url), &taken).await?;

    let into = tx.branch().on_rollback(bank.post("/transfer-in/revert").json(&given));
    let to = post(&into, format!("{}/transfer-in", input.url), &given).await?;
    Ok(Output { from_balance: from.balance, to_balance: to.balance })
}

/// A request of the client, as the action of `branch`.
async fn post(branch: &Branch, url: String, posting: &Posting<'_>) -> Result<Balance, Failure> {
    let body = serde_json::to_vec(posting).map_err(|error| Failure::new(error.to_string()))?;
    let request = Request::post(url).header("content-type", "application/json").body(Body::from(body));
    let request = request.map_err(|error| Failure::new(error.to_string()))?;
    let sent = branch.scope(async {
        block_on(async {
            let mut response = Client::new().send(request).await?;
            let status = response.status();
            Ok::<_, wstd::http::Error>((status, response.body_mut().contents().await?.to_vec()))
        })
    });
    let (status, body) = sent.await.map_err(|error| Failure::new(format!("{error:#}")))?;
    if !status.is_success() {
        return Err(Failure::new(format!("{status}: {}", String::from_utf8_lossy(&body))));
    }
    serde_json::from_slice(&body).map_err(|error| Failure::new(error.to_string()))
}
