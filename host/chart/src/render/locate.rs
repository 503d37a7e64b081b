//! The file and line in Helm's message.

use crate::error::TemplateError;

/// Makes an error of Helm's words about a chart.
pub fn template_error(chart: &str, message: String) -> TemplateError {
    let message = steady(message);
    let (file, line) = locate(chart, &message).map_or((None, None), |(file, line)| (Some(file.to_owned()), line));
    TemplateError {
        chart: chart.to_owned(),
        file,
        line,
        message,
    }
}

/// Helm lists what is wrong with values in any order. Sorted, the same mistake has the same words
/// each time, and no status is rewritten.
fn steady(message: String) -> String {
    if !message.starts_with("values don't meet the specifications of the schema(s)") {
        return message;
    }
    let mut sorted = String::with_capacity(message.len());
    let mut entries: Vec<String> = Vec::new();
    for line in message.split_inclusive('\n') {
        match entries.last_mut() {
            _ if line.starts_with("- ") => entries.push(line.to_owned()),
            Some(entry) if line.starts_with(' ') => entry.push_str(line),
            // The name of the next chart.
            _ => {
                entries.sort();
                sorted.extend(entries.drain(..));
                sorted.push_str(line);
            }
        }
    }
    entries.sort();
    sorted.extend(entries);
    sorted
}

/// The place nearest to the mistake. Messages about a failed call go from the outer template to the
/// inner one, so it is the last of them.
fn locate<'a>(chart: &str, message: &'a str) -> Option<(&'a str, Option<u32>)> {
    let prefix = format!("{chart}/");
    let mut places = message
        .match_indices(&prefix)
        .filter_map(|(start, _)| place(message, start, prefix.len()));
    let first = places.next()?;
    Some(places.fold(first, |best, next| if next.1.is_some() { next } else { best }))
}

/// The place that starts here: a path, and after a colon the line.
fn place(message: &str, start: usize, prefix: usize) -> Option<(&str, Option<u32>)> {
    let before = message.get(..start)?.chars().next_back();
    if before.is_some_and(|character| character.is_alphanumeric() || "/._-".contains(character)) {
        return None;
    }
    let rest = message.get(start..)?;
    let end = rest
        .find(|character: char| character.is_whitespace() || ":\"'`,;)>".contains(character))
        .unwrap_or(rest.len());
    let (path, after) = rest.split_at_checked(end)?;
    if path.len() <= prefix || !path.get(prefix..)?.contains(['/', '.']) {
        return None;
    }
    let digits = after.strip_prefix(':').map_or("", |after| {
        after
            .split(|character: char| !character.is_ascii_digit())
            .next()
            .unwrap_or("")
    });
    Some((path, digits.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(message: &str) -> Option<(String, Option<u32>)> {
        locate("demo", message).map(|(file, line)| (file.to_owned(), line))
    }

    #[test]
    fn the_innermost_template_is_at_fault() {
        let message = "template: demo/templates/a.yaml:3:4: executing \"demo/templates/a.yaml\" at <include \"x\" \
            .>: error calling include: \
                       template: demo/templates/_x.tpl:7:10: executing \"x\" at <required \"need it\" .Values.it>: \
                       error calling required: need it";
        assert_eq!(at(message), Some(("demo/templates/_x.tpl".to_owned(), Some(7))));
    }

    #[test]
    fn parse_errors_have_a_line() {
        let message = "parse error at (demo/templates/a.yaml:12): unexpected EOF";
        assert_eq!(at(message), Some(("demo/templates/a.yaml".to_owned(), Some(12))));
    }

    #[test]
    fn yaml_errors_name_the_file() {
        let message = "YAML parse error on demo/charts/sub/templates/a.yaml: error converting YAML to JSON: yaml: \
            line 4: did not find expected key";
        assert_eq!(at(message), Some(("demo/charts/sub/templates/a.yaml".to_owned(), None)));
    }

    #[test]
    fn what_is_wrong_with_values_is_always_told_in_the_same_order() {
        let head = "values don't meet the specifications of the schema(s) in the following chart(s):\ndemo:\n";
        let message = |entries: &str| template_error("demo", format!("{head}{entries}sub:\n- at '/a': x\n")).message;
        let expected = format!("{head}- at '/b': one of\n  - at '/b': y\n- at '/c': x\nsub:\n- at '/a': x\n");
        assert_eq!(message("- at '/c': x\n- at '/b': one of\n  - at '/b': y\n"), expected);
        assert_eq!(message("- at '/b': one of\n  - at '/b': y\n- at '/c': x\n"), expected);
        assert_eq!(template_error("demo", "- b\n- a\n".to_owned()).message, "- b\n- a\n");
    }

    #[test]
    fn other_errors_are_not_one_files() {
        assert_eq!(
            at(
                "values don't meet the specifications of the schema(s) in the following chart(s):\ndemo:\n- \
                    replicas: wrong"
            ),
            None
        );
        assert_eq!(at("at <.Values.image>: my-demo/templates/a.yaml:1:1"), None);
    }
}
