//! The scripts of a master's pod, in a sandbox with a program in Alluxio's place.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use wasser_alluxio::Alluxio;
use wasser_sdk::testing::{FakeHost, converse, exit};
use wasser_sdk::{Implement, Mount, UfsChange};
use wasser_testkit::Helm;
use wasser_testkit::scripts::{Ran, Sandbox};

use super::KIT;

/// What is of the container in the scripts' paths.
const ROOTS: &[&str] = &[
    "/etc/fluid/",
    "/entrypoint.sh",
    "/opt/alluxio/",
    "/proc/1/fd/1",
    "/dev/termination-log",
];

/// Returns the files of a master's pod for these values.
pub async fn master(values: &Value) -> Sandbox {
    master_by(&KIT.helm(), values).await
}

/// Returns the same, with an engine that has been started.
pub async fn master_by(helm: &Helm, values: &Value) -> Sandbox {
    let sandbox = Sandbox::new(ROOTS);
    let rendered = helm.render(values).await.unwrap();
    let data = rendered.objects.iter().find_map(|object| {
        let data = object.data.get("data")?;
        data.get("mount.script").and(data.as_object())
    });
    for (key, text) in data.unwrap() {
        let name = key.replace(".script", ".sh");
        sandbox.file(&format!("/etc/fluid/scripts/{name}"), text.as_str().unwrap());
    }
    sandbox.file("/opt/alluxio/conf/alluxio-env.sh.template", "");
    sandbox.file("/dev/termination-log", "");
    sandbox.file("/proc/1/fd/1", "");
    sandbox.program_at("/entrypoint.sh", "");
    sandbox.program("alluxio", "");
    sandbox
}

/// What a script asked of Alluxio, a line each.
pub fn asked(ran: &Ran) -> Vec<String> {
    ran.of("alluxio").iter().map(|call| call.join(" ")).collect()
}

/// What the plugin's commands ask of Alluxio when mounts change, with the scripts of a master's pod
/// behind the host.
pub fn update(documents: &[Value], sandbox: Sandbox, removed: &[String]) -> Vec<Vec<String>> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let all = asked.clone();
    let host = FakeHost::new()
        .pod("master", "demo-master-0", true)
        .on_exec(move |_, argv| {
            let ran = sandbox.exec(argv);
            all.borrow_mut().extend(ran.of("alluxio"));
            exit(ran.code, &format!("{}{}", ran.stdout, ran.stderr))
        });
    let change = UfsChange {
        removed: removed.iter().map(|path| (path.clone(), Mount::default())).collect(),
        ..UfsChange::default()
    };
    converse(&host, |host| {
        Alluxio::update_ufs(&KIT.context(documents).unwrap(), host, &change)
    })
    .unwrap();
    asked.take()
}

/// What Java reads of a file of properties: comments and line ends do not occur here.
pub fn read_properties(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    for line in text.lines() {
        let (mut name, mut value, mut in_value, mut escaped) = (String::new(), String::new(), false, false);
        for c in line.chars() {
            let part = if in_value { &mut value } else { &mut name };
            match c {
                c if escaped => {
                    assert!(!"tnrfu".contains(c), "{line}: an escape that stands for something else");
                    part.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '=' | ':' if !in_value => in_value = true,
                ' ' if in_value && part.is_empty() => {}
                c => part.push(c),
            }
        }
        properties.insert(name, value);
    }
    properties
}
