//! One case: a run without a crash, then one for each point that it has passed.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Request, durable_ops, journal, recorded_ops, sends_between};
use rustix::process::Signal;

use crate::cases::{Beginner, Case};
use crate::scene::{End, Scene};

/// The bank is asked whether a message was committed.
const QUERY_BACK: &str = "/query-prepared";
/// The entry that says that a message was.
const SUBMITTED: u8 = 11;

/// Kills the runtime at every point of a case; how often it was killed.
pub(crate) async fn everywhere(case: &Case) -> Result<usize> {
    let scene = Scene::open(case).await?;
    let (want, points) = reference(&scene).await.with_context(|| scene.log())?;
    let mut crashes = 0;
    for point in 1..=points {
        let crashed = crash_at(&scene, point, &want).await;
        crashes +=
            usize::from(crashed.with_context(|| format!("at point {point}; log, newest first:\n{}", scene.log()))?);
    }
    println!("{} {:?}: {points} points, {crashes} crashes", case.name, case.books);
    // A slow machine needs more attempts in one run than in another.
    ensure!(crashes + 2 + points / 10 >= points, "only {crashes} of {points} points were reached");
    Ok(crashes)
}

/// Runs a case once without a crash: how it ends, and how many points it passes.
async fn reference(scene: &Scene<'_>) -> Result<(End, usize)> {
    let case = scene.case;
    let trace = scene.dir.path().join("trace");
    let mut runtime = scene.runtime(&[("REPRISE_CRASH_TRACE", &trace.to_string_lossy())])?;
    runtime.deploy(case.workflow).await?;
    let gid = format!("{}reference", case.gids());
    scene.prepare(&gid).await?;
    let end = scene.play(&runtime, &gid).await?;
    end.is_sound(case)?;
    // A notification may still be under way; ask it to end properly so that its points are counted too.
    runtime.finished(&gid).await?;
    runtime.process.terminate()?;
    scene.all_is_free().await?;
    Ok((end, std::fs::read_to_string(&trace)?.lines().count()))
}

/// Kills the runtime at its `point`-th point and lets another one finish. True if the point was reached.
async fn crash_at(scene: &Scene<'_>, point: usize, want: &End) -> Result<bool> {
    let bank = scene.bank()?;
    let gid = format!("{}{point}", scene.case.gids());
    scene.prepare(&gid).await?;
    let opened = scene.accounts().await?;
    let mut first = scene.runtime(&[("REPRISE_CRASH_AT", &point.to_string())])?;
    // The answer is lost with the process, unless the point is past it.
    let begun = scene.begin(&first, &gid).await;
    let crashed = match (begun, first.finished(&gid).await) {
        (Ok(()), Ok(_)) => first.process.ended()?,
        (Err(_), _) | (_, Err(_)) => true,
    };
    let status = first.process.kill()?;
    ensure!(status.signal() == Some(Signal::KILL.as_raw()), "the runtime ended by itself: {status}");
    let store = first.store_file();
    drop(first);

    let before = journal(&store, &gid).await?;
    let recorded = recorded_ops(&before)?;
    let allowed = durable_ops(&before)?;
    let seen = bank.requests().await?;
    let too_early: BTreeSet<_> =
        requests_of(&gid, &seen).filter_map(op_of).filter(|op| !allowed.contains(op)).collect();
    ensure!(too_early.is_empty(), "sent before it was durable: {too_early:?}");
    if allowed.is_empty() && scene.case.begun_by == Beginner::Client {
        let accounts = scene.accounts().await?;
        ensure!(accounts == opened, "nothing is durable, and yet there are {accounts:?}");
    }

    let trace = scene.dir.path().join(format!("trace-{point}"));
    let second = scene.runtime(&[("REPRISE_CRASH_TRACE", &trace.to_string_lossy())])?;
    let got = scene.play(&second, &gid).await?;
    second.finished(&gid).await?;
    ensure!(got == *want, "got {got:?}, want {want:?}");
    scene.all_is_free().await?;
    drop(second);

    let after = journal(&store, &gid).await?;
    ensure!(after.starts_with(&before), "the journal before the crash has changed");
    let requests = bank.requests().await?.split_off(seen.len());
    let sent_again: BTreeSet<_> =
        requests_of(&gid, &requests).filter_map(op_of).filter(|op| recorded.contains(op)).collect();
    ensure!(sent_again.is_empty(), "recorded and sent again: {sent_again:?}");
    let asked = requests_of(&gid, &requests).filter(|request| request.path == QUERY_BACK).count();
    ensure!(asked == 0 || before.iter().all(|entry| entry.kind != SUBMITTED), "asked for what is recorded");
    // Of statements there is no log: each one sent has to be one that was not recorded.
    let sends = std::fs::read_to_string(&trace)?.lines().filter(|line| *line == "send before").count();
    let accounted = usize::try_from(sends_between(&before, &after)?)? + asked;
    ensure!(sends <= accounted, "{sends} were sent after the crash, {accounted} are accounted for");
    Ok(crashed)
}

fn requests_of<'a>(gid: &'a str, requests: &'a [Request]) -> impl Iterator<Item = &'a Request> {
    requests.iter().filter(move |request| request.gid.as_deref() == Some(gid))
}

/// What the runtime has asked for; the local transaction of a message is the bank's own.
fn op_of(request: &Request) -> Option<(String, String)> {
    if request.op.as_deref() == Some("msg") {
        return None;
    }
    let op = match request.op.as_deref()? {
        // A request that says no more than `DELETE`: the bank calls it as DTM does.
        "compensate" => "rollback",
        op => op,
    };
    Some((request.branch_id.clone()?, op.to_owned()))
}
