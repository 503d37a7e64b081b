//! What a guest says about itself, as the canonical ABI lays it out.

use super::Guest;

/// The methods that every guest has.
const REQUIRED: [&str; 1] = ["desired"];

/// A role of a guest, whose workload is called after it.
#[derive(Clone, Copy)]
pub struct Role<'a> {
    pub name: &'a str,
    pub workload: &'a str,
    pub needed: bool,
    pub starts_at_zero: bool,
    pub replicas: Option<&'a str>,
}

/// The role of every guest that describes no others.
pub const WORKER: Role<'static> = Role {
    name: "worker",
    workload: "StatefulSet",
    needed: true,
    starts_at_zero: true,
    replicas: Some("/spec/replicas"),
};

/// What a guest says about itself.
#[derive(Clone)]
pub struct Described {
    /// Kind, plural, engine, and the directory of its mounts.
    pub names: [String; 4],
    /// The version of the plugin.
    pub version: String,
    pub roles: Vec<Role<'static>>,
    pub wants: Vec<(String, Vec<String>)>,
}

/// Returns wants that live as long as they are needed.
pub fn owned(wants: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let scope = |scope: &[&str]| scope.iter().map(|text| (*text).to_owned()).collect();
    let wants = wants.iter();
    wants.map(|(name, of)| ((*name).to_owned(), scope(of))).collect()
}

impl Guest {
    fn texts(&mut self, texts: &[&str]) -> [u32; 2] {
        let words: Vec<u32> = texts.iter().flat_map(|text| self.text(text)).collect();
        [self.words(&words), u32::try_from(texts.len()).unwrap()]
    }

    /// Puts the `description` into memory, and returns its address.
    pub(super) fn description(&mut self) -> u32 {
        let Described {
            names,
            version,
            roles,
            wants,
        } = self.described.clone();
        let [kind, plural, engine, directory] = &names;
        let mut list = Vec::new();
        for role in &roles {
            let suffix = format!("-{}", role.name);
            let texts = [role.name, role.workload, &suffix, "demo"];
            list.extend(texts.iter().flat_map(|text| self.text(text)));
            // needed-for-bound and starts-at-zero are two bytes. They are followed by replicas and
            // default-replicas.
            list.push(u32::from(role.needed) | u32::from(role.starts_at_zero) << 8);
            match role.replicas {
                Some(pointer) => {
                    list.push(1);
                    list.extend(self.text(pointer));
                }
                None => list.extend([0, 0, 0]),
            }
            list.push(1);
        }
        let described = self.words(&list);
        let mut list = Vec::new();
        for (capability, scope) in &wants {
            let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
            let scope = self.texts(&scope);
            list.extend(self.text(capability));
            list.extend(scope);
        }
        let wanted = self.words(&list);
        let bodies = self.bodies.clone();
        let methods: Vec<&str> = bodies
            .keys()
            .map(String::as_str)
            .filter(|method| !REQUIRED.contains(method))
            .collect();
        let mut record: Vec<u32> = ["demo", &version, kind, plural]
            .iter()
            .flat_map(|text| self.text(text))
            .collect();
        record.extend(self.texts(&["data.fluid.io/v1alpha1"]));
        record.extend(self.text(engine));
        // implementation: none.
        record.extend([0, 0, 0]);
        record.extend(self.texts(&methods));
        record.extend([described, u32::try_from(roles.len()).unwrap()]);
        record.extend(self.text("fuse.demo"));
        record.extend(self.text(directory));
        record.extend([wanted, u32::try_from(wants.len()).unwrap()]);
        self.words(&record)
    }
}
