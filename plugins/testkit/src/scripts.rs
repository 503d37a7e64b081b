//! The scripts of rendered charts and of images, run by real shells, with programs of the test in
//! the place of those that they call.
//!
//! What users write reaches these scripts. [`HOSTILE`] has text that a shell would interpret;
//! [`Sandbox::run`] fails if one does.

use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use wasser_chart::Rendered;
use wasser_sdk::Error;

/// Text that a shell would interpret: each runs the program `owned`, or becomes other words than it
/// is.
pub const HOSTILE: &[&str] = &[
    "$(owned)",
    "`owned`",
    "${x:-$(owned)}",
    "$((x[$(owned)]))",
    "a;owned;",
    "a;owned #",
    "a&owned&",
    "a|owned",
    "a\nowned\n",
    "a'\nowned\n'",
    "a\n$(owned)\n",
    "';owned;'",
    "\";owned;\"",
    "'$(owned)'",
    "\"$(owned)\"",
    "'\"$(owned)\"'",
    "\\$(owned)",
    "\\",
    "\\\\'",
    "$'\\x24(owned)'",
    "]$(owned)",
    "$(owned)]",
    "]=1;owned;x[",
    "a[$(owned)]",
    "a[0$(owned)]=1",
    "x,y",
    "two  words",
    " leading",
    "trailing ",
    "a\tb",
    "-n",
    "--",
    "-Dx=1 -XX:OnError=owned",
    "*",
    "/*",
    "?[a-z]*",
    "~root",
    "{a,b}",
    "a=b",
    "=",
    "#comment",
    "!owned",
    "<owned",
    ">owned",
    "%s%n%d",
    "$PATH",
    "${HOME}",
    "$#",
    "&&owned",
    "||owned",
    "(owned)",
    "größe",
    "日本語",
    "😀",
];

/// A script, and the arguments of its command.
#[derive(Debug, Clone)]
pub struct Script {
    /// The object that has it, and where.
    pub place: String,
    /// The shells that must run it.
    pub shells: Vec<Vec<&'static str>>,
    /// The text.
    pub text: String,
    /// `$0`, `$1` and so on, of a script in a command.
    pub arguments: Vec<String>,
}

impl Script {
    /// Returns a script with a line that names its shell.
    pub fn of(place: impl Into<String>, text: impl Into<String>) -> Self {
        let (place, text) = (place.into(), text.into());
        let shell = text.lines().next().unwrap_or_default();
        Self {
            shells: shells(shell),
            place,
            text,
            arguments: Vec::new(),
        }
    }

    /// Returns every script of these objects: files in ConfigMaps, and texts that a command of a
    /// container, a hook or a probe passes to a shell.
    pub fn all(rendered: &Rendered) -> Vec<Self> {
        let mut found = Vec::new();
        for object in &rendered.objects {
            let kind = object
                .types
                .as_ref()
                .map(|types| types.kind.as_str())
                .unwrap_or_default();
            let name = object.metadata.name.as_deref().unwrap_or_default();
            find(&object.data, &format!("{kind} {name}"), &mut found);
        }
        found
    }
}

/// Returns the values, or `None` if a field of the Dataset's spec or of the runtime's, which is of
/// this kind, is refused. Fails for any other error.
pub fn accepted(values: Result<Value, Error>, kind: &str) -> Option<Value> {
    match values {
        Ok(values) => Some(values),
        Err(Error::InvalidSpec { field, .. }) => {
            let of_spec = |kind: &str| field.starts_with(&format!("{kind}.spec"));
            assert!(of_spec("Dataset") || of_spec(kind), "{field}");
            None
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Returns the shells for a script that names `shell`. Debian's, and busybox's if it is installed,
/// represent every POSIX shell that an image can have.
fn shells(shell: &str) -> Vec<Vec<&'static str>> {
    if shell.contains("bash") {
        return vec![vec!["bash"]];
    }
    let mut shells = vec![vec!["sh"], vec!["bash", "--posix"]];
    let busybox = Command::new("busybox").arg("true").stdout(Stdio::null()).status();
    if busybox.is_ok_and(|status| status.success()) {
        shells.push(vec!["busybox", "sh"]);
    }
    shells
}

fn find(value: &Value, place: &str, found: &mut Vec<Script>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let place = format!("{place}.{key}");
                match field.as_str() {
                    Some(text) if text.starts_with("#!") => found.push(Script::of(place, text)),
                    Some(_) => {}
                    None => find(field, &place, found),
                }
            }
        }
        Value::Array(items) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            if let [shell, "-c", text, arguments @ ..] = words.as_slice()
                && shell.ends_with("sh")
            {
                found.push(Script {
                    place: place.to_owned(),
                    shells: shells(shell),
                    text: (*text).to_owned(),
                    arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
                });
            }
            for (at, item) in items.iter().enumerate() {
                find(item, &format!("{place}[{at}]"), found);
            }
        }
        _ => {}
    }
}

/// What a script did.
#[derive(Debug, Default)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// What it called of the programs of the test, each with its arguments.
    pub calls: Vec<Vec<String>>,
}

impl Ran {
    /// Returns the calls of a program, without its name.
    pub fn of(&self, program: &str) -> Vec<Vec<String>> {
        let of = self.calls.iter().filter(|call| call[0] == program);
        of.map(|call| call[1..].to_vec()).collect()
    }
}

/// A directory in place of a container: files, and programs that note how they are called.
pub struct Sandbox {
    directory: TempDir,
    roots: Vec<&'static str>,
    variables: BTreeMap<String, String>,
}

impl Sandbox {
    /// Returns an empty one. Paths in scripts that begin with one of `roots` lead into it.
    pub fn new(roots: &[&'static str]) -> Self {
        let sandbox = Self {
            directory: tempfile::tempdir().unwrap(),
            roots: roots.to_vec(),
            variables: BTreeMap::new(),
        };
        sandbox.program("owned", "");
        sandbox
    }

    /// Returns where a path of a container is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory
            .path()
            .join("container")
            .join(path.trim_start_matches('/'))
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Writes a file, whose paths of the container lead here; a script can be executed.
    pub fn file(&self, path: &str, contents: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, self.moved(contents)).unwrap();
        if contents.starts_with("#!") {
            executable(&path);
        }
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Puts a program into the path that notes its arguments and then does what `then` says, in the
    /// language of `sh`.
    pub fn program(&self, name: &str, then: &str) {
        self.stub(&self.directory.path().join("bin").join(name), then);
    }

    /// The same at a path of the container.
    pub fn program_at(&self, path: &str, then: &str) {
        self.stub(&self.path(path), then);
    }

    fn stub(&self, path: &Path, then: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let calls = self.directory.path().join("calls");
        let note = format!("printf '%s\\0' \"$#\" \"${{0##*/}}\" \"$@\" >> '{}'", calls.display());
        std::fs::write(path, format!("#!/bin/sh\n{note}\n{then}\n")).unwrap();
        executable(path);
    }

    /// Returns the text with its paths as they are here.
    fn moved(&self, text: &str) -> String {
        let mut moved = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let in_path = moved.ends_with(|c: char| c.is_alphanumeric() || "._-".contains(c));
            let root = self
                .roots
                .iter()
                .filter(|root| !in_path && rest.starts_with(**root))
                .max_by_key(|root| root.len());
            let (piece, length) = root.map_or((c.to_string(), c.len_utf8()), |root| {
                (self.path(root).display().to_string(), root.len())
            });
            moved += &piece;
            rest = &rest[length..];
        }
        moved
    }

    /// Runs a script with a shell and more arguments. Fails if the shell interpreted hostile text.
    pub fn run(&self, script: &Script, shell: &[&str], arguments: &[&str]) -> Ran {
        let text = self.moved(&script.text);
        let path = self.path("script");
        self.start(&script.place, shell, |command| {
            if script.arguments.is_empty() && text.starts_with("#!") {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
                command.arg(&path).args(arguments);
            } else {
                command.arg("-c").arg(&text).args(&script.arguments).args(arguments);
            }
        })
    }

    /// Runs a file of the container with the shell that its first line names.
    pub fn run_file(&self, path: &str, arguments: &[&str]) -> Ran {
        let path = self.path(path).display().to_string();
        self.start(&path, &[path.as_str()], |command| {
            command.args(arguments);
        })
    }

    /// Runs a command as the host does in a container: there is no shell between. What of it is a
    /// path of the container is found there.
    pub fn exec(&self, argv: &[&str]) -> Ran {
        self.exec_with(argv, &[])
    }

    /// The same, with what the command reads from standard input.
    pub fn exec_with(&self, argv: &[&str], input: &[u8]) -> Ran {
        let argv: Vec<String> = argv.iter().map(|word| self.moved(word)).collect();
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(input).unwrap();
        file.rewind().unwrap();
        self.start(&argv.join(" "), &argv, |command| {
            command.stdin(file);
        })
    }

    fn start(&self, place: &str, program: &[&str], add: impl FnOnce(&mut Command)) -> Ran {
        let calls = self.directory.path().join("calls");
        let _ = std::fs::remove_file(&calls);
        // What hangs is ended, and does not end well.
        let mut command = Command::new("timeout");
        command.arg("60").args(program).stdin(Stdio::null());
        add(&mut command);
        let inherited = std::env::var("PATH").unwrap();
        let paths = format!("{}:{inherited}", self.directory.path().join("bin").display());
        let home = self.path("home");
        std::fs::create_dir_all(&home).unwrap();
        command
            .current_dir(&home)
            .env_clear()
            .env("PATH", paths)
            .env("HOME", &home)
            .env("TMPDIR", self.directory.path())
            .envs(&self.variables);
        let output = command.output().unwrap();
        let ran = Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            calls: calls_of(&std::fs::read(&calls).unwrap_or_default()),
        };
        assert!(
            ran.of("owned").is_empty(),
            "{place} with {program:?} ran what a user wrote: {ran:?}"
        );
        ran
    }
}

fn executable(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns each call as it was noted: the number of its arguments, its name, and they.
fn calls_of(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut words = bytes
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned());
    let mut calls = Vec::new();
    while let Some(count) = words.next().filter(|count| !count.is_empty()) {
        let count: usize = count.parse().unwrap();
        calls.push(words.by_ref().take(count + 1).collect());
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a script must not do with its first argument: each way runs it as a command, or takes
    /// it apart.
    #[test]
    #[should_panic(expected = "ran what a user wrote")]
    fn a_subscript_that_is_evaluated_is_found() {
        let sandbox = Sandbox::new(&[]);
        let script = Script::of("test", "#!/bin/bash\ndeclare -A kept\nkept[$1]=1\nunset \"kept[$1]\"\n");
        for text in HOSTILE {
            sandbox.run(&script, &["bash"], &[text]);
        }
    }

    #[test]
    #[should_panic(expected = "ran what a user wrote")]
    fn text_that_is_evaluated_is_found() {
        let sandbox = Sandbox::new(&[]);
        let script = Script::of("test", "#!/bin/sh\neval \"echo '$1'\"\n");
        for text in HOSTILE {
            sandbox.run(&script, &["sh"], &[text]);
        }
    }

    #[test]
    fn arguments_are_noted_as_they_are() {
        let sandbox = Sandbox::new(&[]);
        sandbox.program("client", "");
        let script = Script::of("test", "#!/bin/sh\nclient \"$1\" '' last\n");
        for text in HOSTILE {
            for shell in &script.shells {
                assert_eq!(sandbox.run(&script, shell, &[text]).of("client"), [[*text, "", "last"]]);
            }
        }
    }
}
