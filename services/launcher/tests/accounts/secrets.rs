//! The binary: a password and a token are in no log, no database, no answer that was not asked for (promise 18); what is kept is
//! closed to others; the commands work from the first user on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PASSWORD: &str = "CANARY-horse-battery";
const WRONG: &str = "CANARY-wrong-battery";

/// An instance of its own, whose source does not answer; stopped at the end.
struct Binary(tempfile::TempDir);

impl Binary {
    fn sla(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sla"));
        command
            .arg("--data-dir")
            .arg(self.0.path().join("data"))
            .args(["--prometheus", "http://127.0.0.1:1"])
            .args(arguments)
            .env("HOME", self.0.path())
            .env("SLA_LOG__LEVEL", "trace")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null());
        command.output().expect("sla runs")
    }

    /// Ends well; what it printed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.sla(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path.display().to_string()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.sla(&["stop"]);
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else if path.is_file() {
            into.push(path);
        }
    }
}

#[test]
fn no_secret_is_kept_or_told() {
    let binary = Binary(tempfile::tempdir().unwrap());
    let password = binary.file("password", PASSWORD);
    let wrong = binary.file("wrong", WRONG);
    assert_eq!(binary.json(&["whoami", "--json"])["enabled"], false);
    let mut told = binary.ok(&["user", "add", "ada", "--password-file", &password]);
    assert!(told.contains("From now on every call"), "{told}");
    assert_eq!(binary.json(&["whoami", "--json"])["caller"], "ada", "by the uid");
    told += &binary.ok(&["login", "ada", "--password-file", &password]);
    let me = binary.json(&["whoami", "--json"]);
    assert_eq!(
        (&me["session"]["user"], &me["role"]),
        (&Value::from("ada"), &Value::from("admin"))
    );
    let refused = binary.sla(&["login", "ada", "--password-file", &wrong]);
    assert_eq!(refused.status.code(), Some(77));
    told += &String::from_utf8_lossy(&refused.stderr);
    let token_file = binary.0.path().join("deploy.token").display().to_string();
    told += &binary.ok(&["token", "create", "deploy", "--role", "viewer", "-o", &token_file]);
    let deploy = binary.json(&["whoami", "--json", "--token-file", &token_file]);
    assert_eq!(
        (&deploy["role"], &deploy["session"]["token_name"]),
        (&Value::from("viewer"), &Value::from("deploy"))
    );
    let denied = binary.sla(&["user", "list", "--token-file", &token_file]);
    assert_eq!(denied.status.code(), Some(77), "a viewer does not list users");
    for list in [
        &["user", "list"][..],
        &["session", "list"],
        &["token", "list"],
        &["audit", "--full"],
    ] {
        told += &binary.ok(list);
    }
    assert!(told.contains("token.create") && told.contains("deploy"), "{told}");
    let sessions = binary.json(&["session", "list", "--json"]);
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 2);
    told += &binary.ok(&["token", "revoke", "deploy"]);
    assert_eq!(
        binary.sla(&["whoami", "--token-file", &token_file]).status.code(),
        Some(77)
    );
    let health = binary.json(&["health", "--json", "--token-file", &token_file]);
    assert_eq!(
        (&health[0]["serving"], &health[0]["version"]),
        (&Value::from(true), &Value::Null),
        "asked with the token, of which nobody is told more: {health}"
    );

    let kept = binary.0.path().join(".local/state/sla/tokens");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let session_file = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        (mode(&kept), mode(&session_file), mode(Path::new(&token_file))),
        (0o700, 0o600, 0o600)
    );
    let secrets: Vec<String> = [session_file.as_path(), Path::new(&token_file)]
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap().trim().to_owned())
        .chain([PASSWORD.to_owned(), WRONG.to_owned()])
        .collect();
    told += &binary.ok(&["logout"]);
    assert!(!session_file.exists(), "the token is forgotten");
    binary.ok(&["stop"]);

    let own = [Path::new(&password), Path::new(&wrong), Path::new(&token_file)];
    let mut all = Vec::new();
    files(binary.0.path(), &mut all);
    all.retain(|file| !own.contains(&file.as_path()));
    let logs = all
        .iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "log"));
    assert!(
        logs.count() > 0 && all.iter().any(|file| file.to_string_lossy().contains("sla.db")),
        "{all:?}"
    );
    for secret in &secrets {
        assert!(secret.len() > 15 && !told.contains(secret.as_str()), "told: {secret}");
        for file in &all {
            let bytes = std::fs::read(file).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", file.display());
        }
    }
}
