//! Which statements may stand in an operation: those that read and change data. The runtime opens and ends the
//! transaction; a statement that did so too would tear the barrier from what it guards.

use crate::config::Kind;

/// Whether `sql` may be run; the error says what to write instead.
pub(crate) fn check(kind: Kind, sql: &str) -> Result<(), String> {
    let rest = without_blanks(kind, sql);
    if rest.is_empty() {
        return Err("it is empty; leave it out".into());
    }
    let first = word(rest);
    let second = word(without_blanks(kind, &rest[first.len()..]));
    let allowed = match kind {
        Kind::Postgres => &POSTGRES[..],
        Kind::MySql => &MYSQL[..],
        Kind::Sqlite => &SQLITE[..],
    };
    let fits = |rule: &&str| {
        let (rule_first, rule_second) = rule.split_once(' ').unwrap_or((rule, ""));
        first.eq_ignore_ascii_case(rule_first) && (rule_second.is_empty() || second.eq_ignore_ascii_case(rule_second))
    };
    if !allowed.iter().any(fits) {
        let start: String = if first.is_empty() { rest.chars().take(12).collect() } else { first.to_owned() };
        return Err(format!(
            "`{start}` can't stand in an operation, only {}; the runtime opens and commits the transaction by itself",
            allowed.join(", ")
        ));
    }
    // The other two refuse a second statement by themselves.
    if kind == Kind::Sqlite && has_second(sql) {
        return Err("it holds more than one statement; give each its own place in the list".into());
    }
    Ok(())
}

const POSTGRES: [&str; 13] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "WITH",
    "VALUES",
    "TABLE",
    "CALL",
    "DO",
    "TRUNCATE",
    "SET LOCAL",
    "SET CONSTRAINTS",
];

/// No `CALL`: a procedure may commit. No `TRUNCATE`, it does.
const MYSQL: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES", "TABLE", "DO"];

const SQLITE: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"];

fn word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len())]
}

/// The text from the first word on. What is not understood stays, and is refused then.
fn without_blanks(kind: Kind, sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ';' | '(' | '\u{feff}'));
        let comment = if rest.starts_with("--") || (kind == Kind::MySql && rest.starts_with('#')) {
            let ends = |c| c == '\n' || (c == '\r' && kind == Kind::Postgres);
            Some(rest.find(ends).map_or(rest.len(), |at| at + 1))
        } else if rest.starts_with("/*") && !(rest.starts_with("/*!") || rest.starts_with("/*M!")) {
            // Where one comment holds another, databases disagree on its end.
            rest.find("*/").filter(|at| !rest[2..*at].contains("/*")).map(|at| at + 2)
        } else {
            None
        };
        match comment {
            Some(length) => rest = &rest[length..],
            None => return rest,
        }
    }
}

/// Whether something stands behind a `;` that is in no literal, name or comment (SQLite's rules).
fn has_second(sql: &str) -> bool {
    let mut rest = without_blanks(Kind::Sqlite, sql);
    while let Some(at) = rest.find(['\'', '"', '`', '[', ';', '-', '/']) {
        let from = &rest[at..];
        let end = match from.as_bytes()[0] {
            b';' => return !without_blanks(Kind::Sqlite, &from[1..]).is_empty(),
            b'[' => from.find(']').map(|end| end + 1),
            b'-' if from.starts_with("--") => Some(from.find('\n').unwrap_or(from.len())),
            b'/' if from.starts_with("/*") => from.find("*/").map(|end| end + 2),
            b'-' | b'/' => Some(1),
            // A doubled quote ends one literal and begins the next: the same as far as `;` goes.
            quote => from[1..].find(char::from(quote)).map(|end| end + 2),
        };
        match end {
            Some(end) => rest = &from[end..],
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Kind::Postgres, "UPDATE a SET b = 1", true)]
    #[case(Kind::Postgres, " -- why\n /* a */ with x as (select 1) select * from x", true)]
    #[case(Kind::Postgres, "(SELECT 1) UNION (SELECT 2)", true)]
    #[case(Kind::Postgres, "SET LOCAL lock_timeout = '1s'", true)]
    #[case(Kind::Postgres, "SET lock_timeout = '1s'", false)]
    #[case(Kind::Postgres, "; COMMIT", false)]
    #[case(Kind::Postgres, "/* /* */ COMMIT", false)]
    #[case(Kind::Postgres, "/* /* */ SELECT */ COMMIT", false)]
    #[case(Kind::Postgres, "-- a\rCOMMIT -- \nSELECT 1", false)]
    #[case(Kind::MySql, "-- a\rSELECT 1\nCOMMIT", false)]
    #[case(Kind::Postgres, "/* a /* b */ c */ SELECT 1", false)]
    #[case(Kind::Postgres, "PREPARE TRANSACTION 'x'", false)]
    #[case(Kind::Postgres, "", false)]
    #[case(Kind::Postgres, "selectx", false)]
    #[case(Kind::MySql, "# why\nREPLACE INTO a VALUES (1)", true)]
    #[case(Kind::MySql, "/*!COMMIT */", false)]
    #[case(Kind::MySql, "CALL pay()", false)]
    #[case(Kind::MySql, "CREATE TABLE t (a INT)", false)]
    #[case(Kind::Sqlite, "INSERT INTO a VALUES ('x;y', \"z;\") ; -- done", true)]
    #[case(Kind::Sqlite, "UPDATE a SET b = 'it''s; fine' WHERE c - 1 / 2 = 0 /* ; */", true)]
    #[case(Kind::Sqlite, "UPDATE a SET b = 1; COMMIT", false)]
    #[case(Kind::Sqlite, "UPDATE a SET b = '' ; COMMIT --'", false)]
    #[case(Kind::Sqlite, "PRAGMA foreign_keys = off", false)]
    fn statements_are_told_apart(#[case] kind: Kind, #[case] sql: &str, #[case] good: bool) {
        assert_eq!(check(kind, sql).is_ok(), good, "{:?}", check(kind, sql));
    }
}
