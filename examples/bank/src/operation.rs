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

    /// What it does to `account`. A revert may overdraw: what compensates has to succeed, also when the money is spent.
    pub(crate) fn change(self, account: &Account, amount: i64) -> Result<Change, Refusal> {
        let (balance, frozen) = match self {
            Self::Out | Self::OutTry if account.balance - account.frozen < amount => {
                return Err(Refusal::new(format!("`{}` has too little money", account.account)));
            }
            Self::OutConfirm | Self::OutCancel if account.frozen < amount => {
                return Err(Refusal::new(format!("`{}` has not frozen that much", account.account)));
            }
            Self::Out | Self::InRevert => (-amount, 0),
            Self::In | Self::OutRevert | Self::InConfirm => (amount, 0),
            Self::OutTry => (0, amount),
            Self::OutConfirm => (-amount, -amount),
            Self::OutCancel => (0, -amount),
            Self::InTry | Self::InCancel => (0, 0),
        };
        let sum = account.balance.checked_add(balance).zip(account.frozen.checked_add(frozen));
        sum.map(|_| Change { balance, frozen }).ok_or_else(|| Refusal::new("the amount is too large".to_owned()))
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
