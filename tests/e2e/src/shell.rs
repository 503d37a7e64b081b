//! The shell into which an author types the commands of docs/writing-a-runtime.md.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::environment;

/// The operator's namespace in the guide.
const SYSTEM: &str = "wasser-system";
/// What the shell adds to the guide's commands: where this cluster and its registry are, and consent.
/// What cargo makes was made before.
const FUNCTIONS: &str = r#"
cargo() { :; }
kubectl() { command "$KUBECTL" -n "$OPERATOR" "$@"; }
wasser() {
    case "$2" in
    push) command wasser "$@" --plain-http ;;
    install) command wasser "$@" --plain-http --yes --timeout 8m -n "$OPERATOR" ;;
    *) command wasser "$@" ;;
    esac
}
"#;

/// Does what a block of the guide says, with the operator in this namespace, and returns what it
/// prints.
pub async fn run(directory: &Path, block: &str, operator: &str, variables: &[(&str, &Path)]) -> String {
    let block = block.replace(SYSTEM, operator);
    let program = environment::wasser();
    let own = program.parent().expect("a program is in a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path)));
    let output = Command::new("sh")
        .args(["-eu", "-c", &format!("{FUNCTIONS}{block}")])
        .current_dir(directory)
        .env("PATH", path.expect("a PATH"))
        .env("KUBECTL", environment::program("KUBECTL", "kubectl"))
        .env("OPERATOR", operator)
        // A component is compiled once for all commands and for the operator.
        .env("WASSER_CACHE_DIR", environment::scratch().join("cache"))
        .envs([("PIP_NO_INDEX", "1"), ("PIP_DISABLE_PIP_VERSION_CHECK", "1")])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("starting a shell");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}\n--- has failed:\n{text}{errors}");
    text
}
