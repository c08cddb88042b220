//! The programs of the servers, and the user who runs them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::error::ServicesError;

/// Where Debian has PostgreSQL's programs, one folder per major version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// The path of `program`, which Debian has in `package`.
pub(crate) fn find(program: &'static str, package: &'static str) -> Result<PathBuf, ServicesError> {
    let path = env::var_os("PATH").unwrap_or_default();
    postgres_folders()
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or(ServicesError::Missing { program, package })
}

/// The newest version first; none if PostgreSQL is not installed this way.
fn postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir(POSTGRES_VERSIONS).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = versions.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.into_iter().map(|number| Path::new(POSTGRES_VERSIONS).join(number.to_string()).join("bin")).collect()
}

/// A user, as the kernel knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Who runs the servers if this process is root, since PostgreSQL refuses to run as root; else nobody else.
pub(crate) fn server_user() -> Result<Option<User>, ServicesError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let text = fs::read_to_string("/etc/passwd").map_err(ServicesError::io("read /etc/passwd"))?;
    Ok(find_user(&text, "postgres").or_else(|| find_user(&text, "nobody")))
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
    Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_users_by_their_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgresql:x:7:8::/:/bin/sh\npostgres:x:105:113::/:/bin/sh\n";
        let found = find_user(passwd, "postgres").map(|user| (user.uid, user.gid));
        assert_eq!(found, Some((105, 113)));
        assert!(find_user(passwd, "nobody").is_none());
    }

    #[test]
    fn says_which_package_is_missing() {
        let error = find("no-such-server", "no-such-package").expect_err("is not there").to_string();
        assert!(error.contains("`no-such-package`") && error.contains("make test"), "{error}");
    }
}
