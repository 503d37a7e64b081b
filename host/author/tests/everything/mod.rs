//! A runtime in each language that has every method, uses every function of the host, and makes every kind
//! of mistake.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wasser_author::Trial;
use wasser_plugin::bindings::migration::Origin;

use crate::projects::Loaded;

/// Makes it of the template and one file more.
pub fn put(directory: &Path, main: &str) {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/everything");
    fs::rename(directory.join(main), directory.join(main.replace("app", "template"))).unwrap();
    fs::copy(files.join(main), directory.join(main)).unwrap();
    let scenarios = directory.join("scenarios");
    fs::remove_dir_all(&scenarios).unwrap();
    fs::create_dir(&scenarios).unwrap();
    fs::copy(files.join("everything.yaml"), scenarios.join("everything.yaml")).unwrap();
    let registration = fs::read_to_string(directory.join("plugin.yaml")).unwrap();
    let last = "  fuse: true\n";
    assert!(registration.contains(last), "{registration}");
    let more = "  http: [\"worker:9000\"]\n  objects: [ConfigMap]\n  secrets: true\n  ports: true\n  state: true\n  \
                events: true\n";
    let granted = registration.replace(last, &format!("{last}{more}"));
    fs::write(directory.join("plugin.yaml"), granted).unwrap();
}

/// Calls what no scenario does.
pub async fn operate_and_migrate(loaded: &Loaded) {
    let demo = loaded.demo();
    let trial = Trial::new(&loaded.plugin, &demo, "/runtime-mnt");
    let mut instance = trial.instance(&trial.cluster());
    let plan = instance.data_operation(&trial.context(), "DataLoad", "{\"a\":1}").await;
    assert_eq!(
        read(&plan.unwrap().unwrap()),
        json!({"app": "DataLoad", "infos": {"a": 1}})
    );
    for (origin, from) in [
        (
            Origin::Plugin(("my-cache".to_owned(), "0.0.1".to_owned())),
            "plugin my-cache 0.0.1",
        ),
        (Origin::Fluid("0.9".to_owned()), "fluid fluid 0.9"),
        (Origin::Other("nobody".to_owned()), "other nobody "),
    ] {
        let migrated = instance.migrate("{\"a\": 1}", &origin).await.unwrap().unwrap();
        assert_eq!(read(&migrated), json!({"a": 1, "from": from}));
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
