//! What is transferred: from which accounts to which, in which modes, and whether it gives up.

use serde::Serialize;

use crate::random::Random;

/// Accounts of each bank.
pub(crate) const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];

/// What is in each account at first. Little beside what is moved, so that some transfers are refused.
pub(crate) const OPENING: i64 = 200;

/// Where a bank keeps its books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Books {
    Postgres,
    MariaDb,
    Sqlite,
    Redis,
}

/// How a branch works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Http,
    Grpc,
    Tcc,
    Sql,
    Xa,
}

/// Where the money goes, seen from an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Out,
    In,
}

/// A branch, as the guest takes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) bank: Books,
    pub(crate) mode: Mode,
    pub(crate) direction: Direction,
    pub(crate) account: &'static str,
    pub(crate) amount: i64,
    placeholders: &'static str,
}

/// A transfer, as the guest takes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plan {
    pub(crate) gid: String,
    pub(crate) steps: Vec<Step>,
    at_once: bool,
    pub(crate) gives_up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u64>,
}

impl Books {
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::MariaDb, Self::Sqlite, Self::Redis];

    /// Of its bank, and of its database in the runtime's configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
        }
    }

    fn modes(self) -> &'static [Mode] {
        match self {
            Self::Postgres | Self::MariaDb => &[Mode::Http, Mode::Grpc, Mode::Tcc, Mode::Sql, Mode::Xa],
            Self::Sqlite => &[Mode::Http, Mode::Grpc, Mode::Tcc, Mode::Sql],
            Self::Redis => &[Mode::Http, Mode::Grpc, Mode::Tcc],
        }
    }

    fn placeholders(self) -> &'static str {
        match self {
            Self::Postgres => "numbers",
            Self::MariaDb | Self::Sqlite | Self::Redis => "questions",
        }
    }
}

impl Plan {
    /// The `number`-th transfer of a seed: one account pays one or two others.
    pub(crate) fn draw(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, "plan", number);
        let mut places = Books::ALL.into_iter().flat_map(|bank| ACCOUNTS.map(|account| (bank, account)));
        let mut places: Vec<_> = places.by_ref().collect();
        random.shuffle(&mut places);
        let amounts: Vec<i64> = (0..random.between(1, 3)).map(|_| 1 + random.between(0, 60).cast_signed()).collect();
        let parts = amounts.iter().map(|amount| (Direction::In, *amount));
        let parts = std::iter::once((Direction::Out, amounts.iter().sum())).chain(parts);
        let mut steps: Vec<Step> = places
            .into_iter()
            .zip(parts)
            .map(|((bank, account), (direction, amount))| {
                let mode = random.one_of(bank.modes());
                Step { bank, mode, direction, account, amount, placeholders: bank.placeholders() }
            })
            .collect();
        let mut at_once = random.chance(30);
        random.shuffle(&mut steps);
        if steps.iter().any(|step| step.mode == Mode::Xa) {
            // What an XA branch has changed is locked until the end. No two executions wait for each other if all that
            // lock lock in the same order; phase two goes the other way, and so only waits for what comes later.
            steps.sort_by_key(|step| (step.bank, step.account));
            at_once = false;
        }
        let limit = random.between(0, 100);
        Self {
            gid: format!("t-{number}"),
            steps,
            at_once,
            gives_up: random.chance(12),
            attempts: (limit < 8).then(|| u32::try_from(random.between(1, 4)).expect("it is small")),
            deadline_ms: (8..16).contains(&limit).then(|| random.between(100, 1_500)),
        }
    }

    /// Whether only a refusal, or giving up at the end, may keep it from succeeding.
    pub(crate) fn is_patient(&self) -> bool {
        self.attempts.is_none() && self.deadline_ms.is_none()
    }
}
