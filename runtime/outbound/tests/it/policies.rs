//! Policies of participants: who is let through, who waits for what, and for whom nothing changes. Where answers
//! matter, they come from a real server.

use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::time::Duration;

use crate::participant::{act, bank_at};
use axum::Router;
use axum::routing::any;
use futures::poll;
use reprise_engine::{BranchOptions, Convention, Operation, Outcome, OutcomeMap};
use reprise_outbound::{Admitted, BreakerState, Outbound, OutcomeCounts, Participant, Pause, Wait};
use tokio::net::TcpListener;
use tokio::time::Instant;

const POLICY: &str = "url = 'http://127.0.0.1:1/v1'";

/// Knows `bank` with these settings, and `shop` with none.
fn outbound(bank: &str) -> Outbound {
    let mut config = bank_at("http://127.0.0.1:1");
    let bank: Participant = toml::from_str(&format!("{POLICY}\n{bank}")).expect("types are right");
    config.participants.insert("bank".into(), bank);
    config.participants.insert("shop".into(), Participant::at("http://127.0.0.1:2"));
    Outbound::new(config).expect("valid configuration")
}

fn http(target: &str) -> Operation {
    Operation::Http { method: "POST".into(), target: target.into(), body: Vec::new() }
}

/// Everything that may reach the participant `bank`.
fn ways_to_the_bank() -> [Operation; 4] {
    [
        http("bank/pay"),
        http("http://127.0.0.1:1/v1/pay?x=1"),
        Operation::Grpc { target: "bank".into(), method: "a.B/C".into(), message: Vec::new() },
        Operation::Request {
            method: "GET".into(),
            url: "http://127.0.0.1:1/v1".into(),
            headers: Vec::new(),
            body: Vec::new(),
        },
    ]
}

/// An attempt on its way through the gate, and what it was told on the way.
async fn admit<'a>(outbound: &'a Outbound, operation: &Operation, told: &Mutex<Vec<Wait>>) -> Admitted<'a> {
    outbound.admit(operation, |wait| told.lock().expect("whole").push(wait)).await
}

/// Lets one through that has nothing to wait for.
async fn at_once<'a>(outbound: &'a Outbound, operation: &Operation) -> Admitted<'a> {
    let told = Mutex::default();
    let admitted = now(pin!(admit(outbound, operation, &told))).await.expect("it is let through at once");
    assert_eq!(*told.lock().expect("whole"), []);
    admitted
}

/// What a future has to say without waiting.
async fn now<F: Future>(mut waiting: Pin<&mut F>) -> Option<F::Output> {
    match poll!(waiting.as_mut()) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn counts(outbound: &Outbound, name: &str) -> OutcomeCounts {
    outbound.participant(name).expect("configured").gate.outcomes
}

#[tokio::test]
async fn a_pause_holds_back_every_way_to_a_participant_and_nobody_else() {
    let outbound = outbound("");
    outbound.pause("bank", Pause::On).expect("configured");
    outbound.pause("bank", Pause::On).expect("the same again");
    for operation in ways_to_the_bank() {
        let told = Mutex::default();
        let mut waiting = pin!(admit(&outbound, &operation, &told));
        assert!(now(waiting.as_mut()).await.is_none(), "{operation}");
        assert_eq!(*told.lock().expect("whole"), [Wait::Paused]);
        let gate = outbound.participant("bank").expect("configured").gate;
        assert_eq!((gate.paused, gate.waiting, gate.in_flight), (true, 1, 0));
        for other in ["shop/x", "http://127.0.0.1:1/v2/x", "http://127.0.0.1:1/v1x", "http://example.org/v1"] {
            at_once(&outbound, &http(other)).await.ended(Outcome::Success);
        }
        outbound.pause("bank", Pause::Off).expect("configured");
        let admitted = waiting.await;
        assert_eq!(outbound.participant("bank").expect("configured").gate.in_flight, 1);
        admitted.ended(Outcome::Success);
        outbound.pause("bank", Pause::On).expect("configured");
    }
    assert_eq!(counts(&outbound, "bank"), OutcomeCounts { success: 4, ..OutcomeCounts::default() });
    assert_eq!(counts(&outbound, "shop"), OutcomeCounts { success: 4, ..OutcomeCounts::default() });
    let unknown = outbound.pause("stock", Pause::On).expect_err("not configured").to_string();
    assert_eq!(unknown, "there is no participant `stock`; configured: bank, shop");
}

#[tokio::test]
async fn a_breaker_opens_waits_and_tries_one() {
    let outbound = outbound("breaker = { failures = 2, open_ms = 700 }");
    let call = http("bank/pay");
    let state = || outbound.participant("bank").expect("configured").gate.breaker.expect("it has one");
    for outcome in [Outcome::Unknown, Outcome::Success, Outcome::Unknown, Outcome::Unknown] {
        at_once(&outbound, &call).await.ended(outcome);
    }
    let BreakerState::Open { until } = state() else { panic!("{:?}", state()) };
    assert!(until > Instant::now());

    let (first_told, second_told) = (Mutex::default(), Mutex::default());
    let mut first = pin!(admit(&outbound, &call, &first_told));
    let mut second = pin!(admit(&outbound, &call, &second_told));
    assert!(now(first.as_mut()).await.is_none() && now(second.as_mut()).await.is_none());
    at_once(&outbound, &http("shop/x")).await.ended(Outcome::Unknown);
    let trial = first.await;
    assert!(Instant::now() >= until, "it slept until then");
    assert_eq!(state(), BreakerState::HalfOpen { trial: true });
    assert!(now(second.as_mut()).await.is_none(), "one at a time");
    assert_eq!(*first_told.lock().expect("whole"), [Wait::Breaker { until: Some(until) }]);
    let want = [Wait::Breaker { until: Some(until) }, Wait::Breaker { until: None }];
    assert_eq!(*second_told.lock().expect("whole"), want);

    trial.ended(Outcome::Unknown);
    let BreakerState::Open { until: later } = state() else { panic!("{:?}", state()) };
    assert!(later >= until + Duration::from_millis(700), "as long again");
    let trial = second.await;
    assert!(Instant::now() >= later);
    let told = Mutex::default();
    let mut third = pin!(admit(&outbound, &call, &told));
    assert!(now(third.as_mut()).await.is_none());
    drop(trial);
    let trial = third.await;
    trial.ended(Outcome::Failure);
    assert_eq!(state(), BreakerState::Closed, "a refusal is an answer");
    at_once(&outbound, &call).await.ended(Outcome::Ongoing);
    assert_eq!(counts(&outbound, "bank"), OutcomeCounts { success: 1, failure: 1, ongoing: 1, unknown: 4 });
}

#[tokio::test]
async fn concurrency_bounds_attempts_in_the_order_they_came() {
    let outbound = outbound("concurrency = 2");
    let call = http("bank/pay");
    let (one, two) = (at_once(&outbound, &call).await, at_once(&outbound, &call).await);
    let told = Mutex::default();
    let mut given_up = Box::pin(admit(&outbound, &call, &told));
    let mut third = pin!(admit(&outbound, &call, &told));
    let mut fourth = pin!(admit(&outbound, &call, &told));
    assert!(now(given_up.as_mut()).await.is_none());
    assert!(now(third.as_mut()).await.is_none() && now(fourth.as_mut()).await.is_none());
    assert_eq!(*told.lock().expect("whole"), [Wait::Concurrency; 3]);
    at_once(&outbound, &http("shop/x")).await.ended(Outcome::Success);
    // Whoever is gone keeps no place in the line.
    drop(given_up);
    one.ended(Outcome::Unknown);
    assert!(now(fourth.as_mut()).await.is_none(), "the third is before it");
    let third = third.await;
    drop(two);
    let fourth = fourth.await;
    let gate = outbound.participant("bank").expect("configured").gate;
    assert_eq!((gate.in_flight, gate.waiting), (2, 0));
    drop((third, fourth));
}

#[tokio::test]
async fn a_rate_lets_a_burst_through_and_then_one_by_one() {
    let outbound = outbound("rate = { per_second = 2, burst = 3 }");
    let start = Instant::now();
    let call = http("bank/pay");
    let all = (0..5).map(|_| async {
        let told = Mutex::default();
        admit(&outbound, &call, &told).await.ended(Outcome::Success);
        let told = told.into_inner().expect("whole");
        (start.elapsed().as_millis(), told)
    });
    let admitted = futures::future::join_all(all).await;
    // In the order in which they came.
    for ((ms, told), (from, want)) in
        admitted.iter().zip([(0, None), (0, None), (0, None), (500, Some(Wait::Rate)), (1_000, Some(Wait::Rate))])
    {
        assert!(*ms >= from, "{admitted:?}");
        assert_eq!(told.first().copied(), want, "{admitted:?}");
    }
}

#[tokio::test]
async fn a_pause_that_comes_while_somebody_waits_for_a_place_holds_too() {
    let outbound = outbound("concurrency = 1");
    let call = http("bank/pay");
    let one = at_once(&outbound, &call).await;
    let told = Mutex::default();
    let mut two = pin!(admit(&outbound, &call, &told));
    assert!(now(two.as_mut()).await.is_none());
    outbound.pause("bank", Pause::On).expect("configured");
    one.ended(Outcome::Success);
    assert!(now(two.as_mut()).await.is_none());
    assert_eq!(*told.lock().expect("whole"), [Wait::Concurrency, Wait::Paused]);
    outbound.pause("bank", Pause::Off).expect("configured");
    two.await.ended(Outcome::Success);
}

#[test]
fn the_participants_options_lie_under_those_of_every_call() {
    let outbound = outbound(
        "deadline_ms = 9\nongoing_ms = 8\nretry = { attempts = 7, initial_ms = 6 }\n\
         outcome_map = { http = { 404 = 'failure' }, grpc = { NOT_FOUND = 'failure' }, dtm_result = false, \
         matches = [{ header = 'x-state', equals = 'pending', outcome = 'ongoing' }] }",
    );
    for operation in ways_to_the_bank() {
        let mut effective = outbound.defaults(&operation).expect("the bank's").clone();
        let mut own = BranchOptions::default();
        own.merge_json(r#"{"retry": {"attempts": 2}, "outcome_map": {"http": {"404": "ongoing"}}}"#).expect("valid");
        effective.lay_over(own);
        assert_eq!((effective.deadline_ms, effective.ongoing_ms), (Some(9), Some(8)));
        assert_eq!((effective.retry.attempts, effective.retry.initial_ms), (Some(2), Some(6)));
        assert_eq!(effective.outcome_map.http["404"], Outcome::Ongoing);
        assert_eq!(effective.outcome_map.dtm_result, Some(false));
        assert!(effective.reads_headers(), "a match needs them");
    }
    for other in ["shop/x", "stock/x", "http://127.0.0.1:1/v2"] {
        assert_eq!(outbound.defaults(&http(other)), None, "{other}");
    }
}

/// A participant that answers in every way a map can look at.
async fn bank() -> String {
    let router = Router::new()
        .route("/silent", any(future::pending::<()>))
        .route(
            "/status/{status}",
            any(async |axum::extract::Path(status): axum::extract::Path<u16>| {
                axum::http::StatusCode::from_u16(status).expect("a status")
            }),
        )
        .route("/header", any(async || ([("x-state", "pending")], "")))
        .route("/body", any(async || r#"{"error": {"code": "no-money"}}"#))
        .route("/dtm", any(async || r#"{"dtm_result": "FAILURE"}"#));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn answers_mean_what_the_participants_map_says() {
    let mut config = bank_at(&bank().await);
    let participant = config.participants.get_mut("bank").expect("there");
    participant.outcome_map = toml::from_str::<OutcomeMap>(
        "dtm_result = false\n[http]\n404 = 'failure'\n'500-599' = 'ongoing'\n503 = 'retry'\n\
         [[matches]]\nheader = 'X-State'\nequals = 'pending'\noutcome = 'ongoing'\n\
         [[matches]]\nbody = '/error/code'\nequals = 'no-money'\noutcome = 'failure'\n",
    )
    .expect("a map");
    let outbound = Outbound::new(config).expect("valid");
    for (path, want) in [
        ("status/200", Outcome::Success),
        ("status/404", Outcome::Failure),
        ("status/409", Outcome::Failure),
        ("status/500", Outcome::Ongoing),
        ("status/503", Outcome::Unknown),
        ("status/418", Outcome::Unknown),
        ("header", Outcome::Ongoing),
        ("body", Outcome::Failure),
        ("dtm", Outcome::Success),
    ] {
        let call = http(&format!("bank/{path}"));
        let options = outbound.defaults(&call).expect("the bank's");
        let answer = act(&outbound, &call, &options.to_recorded()).await;
        assert_eq!(answer.outcome(Convention::Transaction, &options.outcome_map), want, "{path}");
    }
}

#[tokio::test]
async fn a_participant_that_never_answers_holds_up_nobody_elses_calls() {
    let url = bank().await;
    let mut config = bank_at(&url);
    config.participants.get_mut("bank").expect("there").concurrency = std::num::NonZeroU32::new(1);
    config.participants.insert("shop".into(), Participant::at(url.replace("127.0.0.1", "localhost")));
    let outbound = Outbound::new(config).expect("valid");
    let (slow, quick) = (http("bank/silent"), http("shop/status/200"));
    let told = Mutex::default();
    let ask = async |operation: &Operation| {
        let admitted = admit(&outbound, operation, &told).await;
        let answer = act(&outbound, operation, r#"{"timeout_ms": 60000}"#).await;
        admitted.ended(Outcome::Success);
        answer.status()
    };
    // The slow one's calls and those who wait for them are there all the time.
    let mut stuck = pin!(futures::future::join_all((0..50).map(|_| ask(&slow))));
    assert!(now(stuck.as_mut()).await.is_none());
    assert_eq!(*told.lock().expect("whole"), [Wait::Concurrency; 49]);
    for _ in 0..20 {
        let status = tokio::select! {
            status = ask(&quick) => status,
            _ = stuck.as_mut() => panic!("silent for a minute"),
        };
        assert_eq!(status, 200);
    }
    let gate = |name| outbound.participant(name).expect("configured").gate;
    assert_eq!((gate("bank").in_flight, gate("bank").waiting), (1, 49));
    assert_eq!(gate("shop").outcomes.success, 20);
}
