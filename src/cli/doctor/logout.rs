//! Whether this host ends detached processes when their user logs out: systemd-logind's KillUserProcesses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::finding::Finding;

/// Where drop-ins lie; a later folder's file replaces an earlier one's of the same name.
const DROP_INS: [&str; 3] = ["usr/lib/systemd/logind.conf.d", "run/systemd/logind.conf.d", "etc/systemd/logind.conf.d"];
/// The main file: the first that exists.
const MAIN: [&str; 3] = ["etc/systemd/logind.conf", "run/systemd/logind.conf", "usr/lib/systemd/logind.conf"];

pub fn examine(launcher: &[String]) -> Finding {
    let root = Path::new("/");
    let user = user_name(root, rustix::process::getuid().as_raw());
    let own_scope = launcher.iter().any(|word| word.ends_with("systemd-run"));
    judge(root, user.as_deref().unwrap_or("?"), own_scope)
}

fn judge(root: &Path, user: &str, own_scope: bool) -> Finding {
    let name = "logout";
    if !root.join("run/systemd/system").exists() {
        return Finding::good(name, "no systemd here: detached training outlives the session");
    }
    let settings = logind_settings(root);
    if !settings.kills(user) {
        return Finding::good(name, "logind lets detached training live (KillUserProcesses=no)");
    }
    // Lingering keeps the user's own service manager; only what runs under it outlives the session.
    let lingers = root.join("var/lib/systemd/linger").join(user).exists();
    if lingers && own_scope {
        return Finding::good(name, "logind ends a session's processes, but runs are started outside of it");
    }
    Finding::warning(
        name,
        "logind ends all your processes when you log out (KillUserProcesses=yes), detached training too",
        "run `loginctl enable-linger` and set runtime.launcher = [\"systemd-run\", \"--user\", \"--scope\", \"--quiet\"]",
    )
}

/// The part of logind's settings that decides about processes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Logind {
    /// `None` where no file says it: then what the file's comment shows as built in counts, else systemd's own yes.
    kill: Option<bool>,
    built_in: Option<bool>,
    only: Vec<String>,
    exclude: Option<Vec<String>>,
}

impl Logind {
    fn kills(&self, user: &str) -> bool {
        let named = |users: &[String]| users.iter().any(|name| name == user);
        let excluded = self.exclude.as_deref().map_or(user == "root", named);
        let chosen = self.only.is_empty() || named(&self.only);
        self.kill.or(self.built_in).unwrap_or(true) && chosen && !excluded
    }

    fn read(&mut self, text: &str) {
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let users = || value.split_whitespace().map(str::to_owned).collect();
            match key.trim() {
                "KillUserProcesses" => self.kill = truth(value).or(self.kill),
                "#KillUserProcesses" => self.built_in = truth(value).or(self.built_in),
                "KillOnlyUsers" => self.only = users(),
                "KillExcludeUsers" => self.exclude = Some(users()),
                _ => {}
            }
        }
    }
}

/// systemd's words for yes and no.
fn truth(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" | "y" | "t" => Some(true),
        "no" | "false" | "off" | "0" | "n" | "f" => Some(false),
        _ => None,
    }
}

fn logind_settings(root: &Path) -> Logind {
    let mut settings = Logind::default();
    if let Some(text) = MAIN.iter().find_map(|path| fs::read_to_string(root.join(path)).ok()) {
        settings.read(&text);
    }
    let mut drop_ins = BTreeMap::new();
    for folder in DROP_INS {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "conf") {
                drop_ins.insert(entry.file_name(), entry.path());
            }
        }
    }
    for path in drop_ins.values() {
        settings.read(&fs::read_to_string(path).unwrap_or_default());
    }
    settings
}

/// The name that belongs to the number, from /etc/passwd; users of a directory service only have their environment.
fn user_name(root: &Path, uid: u32) -> Option<String> {
    let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    let of_uid = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    };
    passwd.lines().find_map(of_uid).or_else(|| std::env::var("USER").ok())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn status(files: &[(&str, &str)], user: &str, own_scope: bool) -> Status {
        judge(host(files).path(), user, own_scope).status
    }

    const SYSTEMD: (&str, &str) = ("run/systemd/system/x", "");
    const CONF: &str = "etc/systemd/logind.conf";

    #[test]
    fn without_systemd_nothing_is_ended() {
        assert_eq!(status(&[(CONF, "KillUserProcesses=yes")], "ann", false), Status::Good);
    }

    #[test]
    fn the_files_say_it_and_later_ones_win() {
        let yes = (CONF, "[Login]\nKillUserProcesses=yes\n");
        assert_eq!(status(&[SYSTEMD, yes], "ann", false), Status::Warning);
        let no = ("etc/systemd/logind.conf.d/50-keep.conf", "[Login]\nKillUserProcesses = no\n");
        assert_eq!(status(&[SYSTEMD, yes, no], "ann", false), Status::Good);
        let overridden = ("usr/lib/systemd/logind.conf.d/50-keep.conf", "[Login]\nKillUserProcesses=yes\n");
        assert_eq!(status(&[SYSTEMD, yes, no, overridden], "ann", false), Status::Good);
        let ignored = ("etc/systemd/logind.conf.d/60-x.conf.bak", "KillUserProcesses=yes");
        assert_eq!(status(&[SYSTEMD, no, ignored], "ann", false), Status::Good);
    }

    #[test]
    fn where_nothing_is_set_the_built_in_default_counts() {
        assert_eq!(status(&[SYSTEMD, (CONF, "#KillUserProcesses=no\n")], "ann", false), Status::Good);
        assert_eq!(status(&[SYSTEMD], "ann", false), Status::Warning);
    }

    #[test]
    fn lists_of_users_are_followed() {
        let yes = "KillUserProcesses=yes\n";
        assert_eq!(status(&[SYSTEMD, (CONF, yes)], "root", false), Status::Good);
        let only = format!("{yes}KillOnlyUsers=bob carl\n");
        assert_eq!(status(&[SYSTEMD, (CONF, &only)], "ann", false), Status::Good);
        assert_eq!(status(&[SYSTEMD, (CONF, &only)], "bob", false), Status::Warning);
        let exclude = format!("{yes}KillExcludeUsers=ann\n");
        assert_eq!(status(&[SYSTEMD, (CONF, &exclude)], "ann", false), Status::Good);
        assert_eq!(status(&[SYSTEMD, (CONF, &exclude)], "root", false), Status::Warning);
    }

    #[test]
    fn lingering_helps_only_with_a_scope_of_ones_own() {
        let files = [SYSTEMD, (CONF, "KillUserProcesses=yes"), ("var/lib/systemd/linger/ann", "")];
        assert_eq!(status(&files, "ann", false), Status::Warning);
        assert_eq!(status(&files, "ann", true), Status::Good);
    }

    #[test]
    fn a_users_name_comes_from_passwd() {
        let root = host(&[("etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n")]);
        assert_eq!(user_name(root.path(), 1001).as_deref(), Some("ann"));
    }
}
