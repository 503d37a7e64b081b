//! Registrations of plugins, which benchmarks change line by line.

/// Returns a registration with other lines in the place of those that say only `field`, each made of the
/// line and its indentation.
pub fn replaced(registration: &str, field: &str, other: impl Fn(&str, &str) -> String) -> String {
    let line = |line: &str| {
        let text = line.trim_start();
        match line.strip_suffix(text) {
            Some(indent) if text.trim_end() == field => other(line, indent),
            _ => line.to_owned(),
        }
    };
    registration.lines().map(line).collect::<Vec<_>>().join("\n")
}
