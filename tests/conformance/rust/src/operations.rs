//! Every kind of operation and of body.

use std::fmt::Write as _;

use reprise_guest::{Failure, Raw, Sql, SqlValue, Statement, Transaction};
use serde::Serialize;
use wstd::http::{Body, Client, Request};
use wstd::runtime::block_on;

use crate::calls::Both;
use crate::stub::{Number, stub, undoable};

#[derive(Serialize)]
pub(crate) struct Counted {
    bytes: usize,
    sum: u64,
}

pub(crate) async fn big(tx: &Transaction) -> Result<Counted, Failure> {
    let body: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    let reply = undoable(tx, "big", 1).call(stub().post("/big").body(body)).await?;
    Ok(Counted { bytes: reply.bytes().len(), sum: reply.bytes().iter().map(|byte| u64::from(*byte)).sum() })
}

pub(crate) async fn empty(tx: &Transaction) -> Result<Raw, Failure> {
    Ok(Raw(tx.branch().read_only().call(stub().post("/empty")).await?.into_bytes()))
}

#[derive(Serialize)]
pub(crate) struct Text {
    text: String,
}

pub(crate) async fn unicode(tx: &Transaction) -> Result<Text, Failure> {
    let reply = tx.branch().read_only().call(stub().post("/text").body(r#"Grüße, 世界 🌍 "\""#)).await?;
    Ok(Text { text: String::from_utf8(reply.into_bytes())? })
}

#[derive(Serialize)]
pub(crate) struct Done {
    done: bool,
}

pub(crate) async fn sql(tx: &Transaction) -> Result<Done, Failure> {
    let update = Statement::new("UPDATE t SET a = ?, b = ?, c = ?, d = ?, e = ?, f = ?")
        .bind(SqlValue::NULL)
        .bind(true)
        .bind(9_007_199_254_740_993_i64)
        .bind(1.5)
        .bind("text")
        .bind(vec![0x00, 0xff])
        .affected(1);
    let branch = tx.branch().on_rollback(Sql::on("ledger").statement("UPDATE t SET a = 0"));
    branch.call(Sql::on("ledger").statement(update)).await?;
    Ok(Done { done: true })
}

pub(crate) async fn xa(tx: &Transaction) -> Result<Done, Failure> {
    let update = Statement::new("UPDATE t SET a = a - ?").bind(5).affected(1);
    tx.branch().call(Sql::on("ledger").statement(update).xa()).await?;
    Ok(Done { done: true })
}

#[derive(Serialize)]
pub(crate) struct Hex {
    pub(crate) hex: String,
}

impl Hex {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digits = bytes.iter().fold(String::new(), |mut hex, byte| {
            // Nothing can go wrong when text is written to a text.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self { hex: digits }
    }
}

pub(crate) async fn grpc(tx: &Transaction) -> Result<Hex, Failure> {
    const MESSAGE: [u8; 2] = [0x08, 0x01];
    let branch = tx.branch().on_rollback(stub().grpc("bank.Bank/Revert").message(MESSAGE));
    let reply = branch.call(stub().grpc("bank.Bank/Pay").message(MESSAGE)).await?;
    Ok(Hex::of(reply.bytes()))
}

/// With the client of `wstd`.
pub(crate) async fn http(tx: &Transaction) -> Result<Both, Failure> {
    let branch = undoable(tx, "b", 2);
    let both = branch.scope(async {
        block_on(async {
            let a = fetched(Request::get("http://stub.test/a").body(Body::empty())?).await?;
            let posted = Request::post("http://stub.test/b").header("content-type", "application/json");
            let b = fetched(posted.body(Body::from(br#"{"n":2}"#.to_vec()))?).await?;
            Ok::<_, wstd::http::Error>(Both { a: a.n, b: b.n })
        })
    });
    both.await.map_err(|error| Failure::new(format!("{error:#}")))
}

async fn fetched(request: Request<Body>) -> Result<Number, wstd::http::Error> {
    let mut response = Client::new().send(request).await?;
    Ok(serde_json::from_slice(response.body_mut().contents().await?)?)
}
