//! The first and the last things that a fuse client does as a sidecar.

use std::path::Path;

use serde_json::{Value, json};

use crate::pod;

/// Waits until a file system of type `$2` is mounted at `$1`; before it, does what else is to be
/// done after the start. Its limit starts a client again that hangs: the containers behind it wait
/// nevertheless. Needs only a shell and `sleep`.
const WAIT: &str = r#"path=$1 type=$2
shift 2
if [ $# -gt 0 ]; then "$@" || exit; fi
tried=0
while [ "$tried" -lt 300 ]; do
  while read -r _ _ _ _ at rest; do
    if [ "$at" = "$path" ]; then
      case "${rest#* - }" in *"$type"*) exit 0 ;; esac
    fi
  done </proc/self/mountinfo
  sleep 1
  tried=$((tried + 1))
done
echo "after 300 s, nothing of the type $type is mounted at $path; the client is started again" >&2
exit 1"#;

/// Runs a client, and does `$1` when it is told to end, before it tells the client.
const RUN: &str = r#"last=$1 told=
shift
end() {
  trap : TERM
  eval "$last"
  kill -TERM "$client" 2>/dev/null
}
# Nobody can be told before it is known who.
trap told=yes TERM
"$@" &
client=$!
trap end TERM
if [ -n "$told" ]; then end; fi
while :; do
  wait "$client"
  code=$?
  if kill -0 "$client" 2>/dev/null; then continue; fi
  # A signal ends a wait with a code of its own.
  if [ "$code" -gt 128 ]; then
    wait "$client"
    own=$?
    if [ "$own" -ne 127 ]; then code=$own; fi
  fi
  exit "$code"
done"#;

/// Lets the kubelet start the next container only when the mount is there. A hook that is not a
/// command stays as it is.
pub fn wait(client: &mut Value, path: &Path, mount_type: &str) {
    let first = client.pointer("/lifecycle/postStart").filter(|hook| !hook.is_null());
    let first = match first.map(|hook| hook.pointer("/exec/command").and_then(Value::as_array)) {
        None => Vec::new(),
        Some(Some(command)) => command.clone(),
        Some(None) => return,
    };
    // As /proc writes it.
    let path = path.to_string_lossy().replace('\\', "\\134").replace(' ', "\\040");
    let command = [
        json!("sh"),
        json!("-c"),
        json!(WAIT),
        json!("wait"),
        json!(path),
        json!(mount_type),
    ];
    let command: Vec<Value> = command.into_iter().chain(first).collect();
    if let Some(lifecycle) = pod::object(client, &["lifecycle"]) {
        lifecycle.insert("postStart".to_owned(), json!({"exec": {"command": command}}));
    }
}

/// Lets a client do what it does before its end when it is its turn to end. The kubelet calls the
/// `preStop` of a sidecar when the pod begins to end, while the application still uses the mount;
/// only the signal waits for the application. A hook that is not a command stays as it is, and so
/// does that of a client whose command only its image knows.
pub fn defer(client: &mut Value) {
    let words = |pointer: &str| client.pointer(pointer)?.as_array().cloned();
    let (Some(last), Some(command)) = (words("/lifecycle/preStop/exec/command"), words("/command")) else {
        return;
    };
    let last: Option<Vec<String>> = last.iter().map(|word| word.as_str().map(quoted)).collect();
    let Some(last) = last.filter(|last| !last.is_empty() && !command.is_empty()) else {
        return;
    };
    // The kubelet replaces `$(NAME)` in commands, but not in hooks.
    let last = last.join(" ").replace('$', "$$");
    let run = [json!("sh"), json!("-c"), json!(RUN), json!("run"), json!(last)];
    client["command"] = run.into_iter().chain(command).collect();
    if let Some(lifecycle) = pod::object(client, &["lifecycle"]) {
        lifecycle.remove("preStop");
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    use super::*;

    fn command(list: &Value) -> Vec<&str> {
        let words = list.as_array().unwrap().iter();
        words.map(|word| word.as_str().unwrap()).collect()
    }

    /// Runs the hook of a client with its `sleep` replaced, for a path and a type.
    fn hook(path: &str, mount_type: &str, first: &[&str]) -> (bool, String) {
        let mut client = json!({});
        if !first.is_empty() {
            client = json!({"lifecycle": {"postStart": {"exec": {"command": first}}}});
        }
        wait(&mut client, Path::new(path), mount_type);
        let command = command(&client["lifecycle"]["postStart"]["exec"]["command"]);
        let script = format!("sleep() {{ :; }}\n{}", command[2]);
        let output = Command::new(command[0])
            .args(["-c", &script])
            .args(&command[3..])
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn the_hook_sees_mounts_of_the_type() {
        assert!(hook("/proc", "proc", &[]).0);
        assert!(!hook("/proc", "JuiceFS", &[]).0);
        assert!(!hook("/nowhere", "proc", &[]).0);
        assert_eq!(hook("/proc", "proc", &["echo", "a  b"]), (true, "a  b\n".to_owned()));
        assert!(!hook("/proc", "proc", &["false"]).0);
    }

    #[test]
    fn a_hook_that_is_no_command_stays() {
        let mut client = json!({"command": ["client"], "lifecycle": {"postStart": {"httpGet": {"port": 80}}, "preStop": {"sleep": {}}}});
        let before = client.clone();
        wait(&mut client, Path::new("/a"), "b");
        defer(&mut client);
        assert_eq!(client, before);
        let mut unknown = json!({"args": ["x"], "lifecycle": {"preStop": {"exec": {"command": ["umount", "/a"]}}}});
        let before = unknown.clone();
        defer(&mut unknown);
        assert_eq!(unknown, before, "the image says what runs");
    }

    #[test]
    fn the_last_thing_is_done_when_the_client_is_told_to_end() {
        let client = "trap 'echo ends; kill $!; exit 3' TERM; echo runs \"$0\"; sleep 1000 & wait";
        let mut container = json!({
            "command": ["sh", "-c", client], "args": ["here"],
            "lifecycle": {"preStop": {"exec": {"command": ["echo", "it's", "$(A) $$  last"]}}},
        });
        defer(&mut container);
        assert_eq!(container["lifecycle"], json!({}));
        // As the kubelet does, which knows no such variable.
        let words = command(&container["command"])
            .into_iter()
            .map(|word| word.replace("$$", "$"));
        let words: Vec<String> = words.collect();
        let mut started = Command::new(&words[0])
            .args(&words[1..])
            .arg("here")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(started.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "runs here\n");
        let told = Command::new("kill").arg(started.id().to_string()).status().unwrap();
        assert!(told.success());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "it's $(A) $$  last\nends\n");
        assert_eq!(started.wait().unwrap().code(), Some(3));
    }

    #[test]
    fn a_client_that_ends_by_itself_ends_its_container() {
        let mut container = json!({
            "command": ["sh", "-c", "exit 7"],
            "lifecycle": {"preStop": {"exec": {"command": ["echo", "last"]}}},
        });
        defer(&mut container);
        let words = command(&container["command"]);
        let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout), (Some(7), Vec::new()));
    }
}
