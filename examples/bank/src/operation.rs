//! The ten operations: their names on each wire, and what each does to an account.
//!
//! Pure: an account and an amount in, a change or a refusal out. [`crate::ledger`] applies it.

use serde::{Deserialize, Serialize};

use crate::{ledger::Account, reply::Refusal};

/// The body of every operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) account: String,
    pub(crate) amount: i64,
}

/// What moves, and in which step of which pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Out,
    OutRevert,
    In,
    InRevert,
    OutTry,
    OutConfirm,
    OutCancel,
    InTry,
    InConfirm,
    InCancel,
}

/// What an operation adds to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) balance: i64,
    pub(crate) frozen: i64,
}

/// What an operation is, whatever the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) needs: Needs,
    /// What it adds, in amounts: 1, 0 or -1.
    sign: Change,
}

/// What of the account has to be at least the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The money that is not frozen.
    Free,
    /// The money that is.
    Frozen,
    /// Nothing.
    Nothing,
}

impl Needs {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Frozen => "frozen",
            Self::Nothing => "nothing",
        }
    }

    /// Why an account that lacks it refuses.
    pub(crate) fn refusal(self, account: &str) -> Refusal {
        Refusal::new(match self {
            Self::Free => format!("`{account}` has too little money"),
            Self::Frozen => format!("`{account}` has not frozen that much"),
            Self::Nothing => String::new(),
        })
    }
}

impl Rule {
    /// The change for an amount.
    pub(crate) fn times(self, amount: i64) -> Change {
        Change { balance: self.sign.balance * amount, frozen: self.sign.frozen * amount }
    }
}

impl Operation {
    /// Every operation.
    pub(crate) const ALL: [Self; 10] = [
        Self::Out,
        Self::OutRevert,
        Self::In,
        Self::InRevert,
        Self::OutTry,
        Self::OutConfirm,
        Self::OutCancel,
        Self::InTry,
        Self::InConfirm,
        Self::InCancel,
    ];

    /// Its HTTP path.
    pub(crate) fn http_path(self) -> &'static str {
        match self {
            Self::Out => "/transfer-out",
            Self::OutRevert => "/transfer-out/revert",
            Self::In => "/transfer-in",
            Self::InRevert => "/transfer-in/revert",
            Self::OutTry => "/transfer-out/try",
            Self::OutConfirm => "/transfer-out/confirm",
            Self::OutCancel => "/transfer-out/cancel",
            Self::InTry => "/transfer-in/try",
            Self::InConfirm => "/transfer-in/confirm",
            Self::InCancel => "/transfer-in/cancel",
        }
    }

    /// What it is. A revert may overdraw: what compensates has to succeed, also when the money is spent.
    pub(crate) fn rule(self) -> Rule {
        let (needs, balance, frozen) = match self {
            Self::Out => (Needs::Free, -1, 0),
            Self::OutTry => (Needs::Free, 0, 1),
            Self::OutConfirm => (Needs::Frozen, -1, -1),
            Self::OutCancel => (Needs::Frozen, 0, -1),
            Self::InRevert => (Needs::Nothing, -1, 0),
            Self::In | Self::OutRevert | Self::InConfirm => (Needs::Nothing, 1, 0),
            Self::InTry | Self::InCancel => (Needs::Nothing, 0, 0),
        };
        Rule { needs, sign: Change { balance, frozen } }
    }

    /// What it does to `account`.
    pub(crate) fn change(self, account: &Account, amount: i64) -> Result<Change, Refusal> {
        let rule = self.rule();
        let there = match rule.needs {
            Needs::Free => account.balance - account.frozen,
            Needs::Frozen => account.frozen,
            Needs::Nothing => i64::MAX,
        };
        if there < amount {
            return Err(rule.needs.refusal(&account.account));
        }
        let change = rule.times(amount);
        let sum = account.balance.checked_add(change.balance).zip(account.frozen.checked_add(change.frozen));
        sum.map(|_| change).ok_or_else(Refusal::too_large)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Operation::Out, 60, Some((-60, 0)))]
    #[case(Operation::Out, 61, None)]
    #[case(Operation::OutRevert, 500, Some((500, 0)))]
    #[case(Operation::In, 500, Some((500, 0)))]
    #[case(Operation::In, i64::MAX, None)]
    #[case(Operation::InRevert, 500, Some((-500, 0)))]
    #[case(Operation::OutTry, 60, Some((0, 60)))]
    #[case(Operation::OutTry, 61, None)]
    #[case(Operation::OutConfirm, 40, Some((-40, -40)))]
    #[case(Operation::OutConfirm, 41, None)]
    #[case(Operation::OutCancel, 40, Some((0, -40)))]
    #[case(Operation::OutCancel, 41, None)]
    #[case(Operation::InTry, 9, Some((0, 0)))]
    #[case(Operation::InConfirm, 9, Some((9, 0)))]
    #[case(Operation::InCancel, 9, Some((0, 0)))]
    fn changes(#[case] operation: Operation, #[case] amount: i64, #[case] want: Option<(i64, i64)>) {
        let account = Account { account: "alice".to_owned(), balance: 100, frozen: 40 };
        let got = operation.change(&account, amount).ok().map(|change| (change.balance, change.frozen));
        assert_eq!(got, want);
    }
}
