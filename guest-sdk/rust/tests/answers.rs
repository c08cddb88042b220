//! Answers with status and headers, and what outcome maps make of them.

use reprise_guest::{
    CallError, Failure, Options, Outcome, OutcomeMap, Participant, Transaction,
    testing::{Answer, TestHost},
};

fn shop() -> Participant {
    Participant::named("shop")
}

#[test]
fn headers_come_where_they_are_asked_for() {
    async fn workflow(tx: &Transaction, full: bool) -> Result<(u16, Option<String>), Failure> {
        let options = if full { Options::new().full_answer() } else { Options::new() };
        let reply = tx.branch().options(options).call(shop().get("/price")).await?;
        Ok((reply.status(), reply.header("X-Currency").map(String::from)))
    }
    let host = || TestHost::new().on("GET shop/price", |_| Answer::status(203, "7").header("x-currency", "EUR"));
    assert_eq!(host().run(workflow, true).result, Ok((203, Some("EUR".to_owned()))));
    assert_eq!(host().run(workflow, false).result, Ok((203, None)));
}

#[test]
fn a_refusal_has_status_and_headers_too() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<String, Failure> {
        let options = Options::new().full_answer().outcomes(OutcomeMap::new().http("404", Outcome::Failure));
        match tx.branch().options(options).call(shop().get("/price")).await {
            Err(CallError::Failure(reply)) => {
                Ok(format!("{} {}", reply.status(), reply.header("x-reason").unwrap_or_default()))
            }
            other => Err(Failure::new(format!("{other:?}"))),
        }
    }
    let run = TestHost::new()
        .on("GET shop/price", |_| Answer::status(404, "").header("x-reason", "unknown item"))
        .run(workflow, ());
    assert_eq!(run.result.as_deref(), Ok("404 unknown item"));
    assert_eq!(run.trace, ["01 action GET shop/price: failure"]);
}

#[test]
fn looks_at_headers_and_bodies_decide_before_the_status() {
    async fn workflow(tx: &Transaction, (): ()) -> Result<(), CallError> {
        let map = OutcomeMap::new()
            .header_equals("x-state", "later", Outcome::Ongoing)
            .has_body("/warning", Outcome::Unknown)
            .body_equals("/error/code", 7, Outcome::Failure);
        tx.branch().options(Options::new().outcomes(map)).call(shop().get("/price")).await.map(drop)
    }
    let run = TestHost::new()
        .on("GET shop/price", |request| match request.attempt {
            1 => Answer::ok().header("x-state", "later"),
            2 => Answer::bytes(r#"{"warning": "busy"}"#),
            _ => Answer::bytes(r#"{"error": {"code": 7}}"#),
        })
        .run(workflow, ());
    let outcomes: Vec<_> = run.trace.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(outcomes, ["ongoing", "unknown", "failure"]);
    assert!(run.result.is_err());
}

#[test]
fn options_out_of_range_are_named() {
    async fn workflow(tx: &Transaction, which: u8) -> Result<(), CallError> {
        let options = match which {
            0 => Options::new().jitter(2.0),
            1 => Options::new().outcomes(OutcomeMap::new().has_body("error", Outcome::Failure)),
            _ => Options::new().outcomes(OutcomeMap::new().http("4xx", Outcome::Failure)),
        };
        tx.branch().options(options).call(shop().get("/price")).await.map(drop)
    }
    for (which, want) in [(0, "retry.jitter"), (1, "start it with `/`"), (2, "\"4xx\" is no status")] {
        let message = TestHost::new().run(workflow, which).result.expect_err(want).message;
        assert!(message.contains(want), "{message}");
    }
}
