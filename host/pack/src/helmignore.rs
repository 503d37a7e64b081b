//! Which files Helm leaves out of a chart: those that `.helmignore` names.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glob::{MatchOptions, Pattern};

/// The file of a chart with its rules.
pub const FILE: &str = ".helmignore";
/// The rule that every chart has.
const DEFAULT: &str = "templates/.?*";
/// As Go matches paths, which Helm leaves it to.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The rules of a chart.
#[derive(Debug)]
pub struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// Whether what does not match is left out.
    is_negated: bool,
    /// Whether only directories are.
    is_for_directories: bool,
    /// Whether the whole path is compared, and not the name alone.
    is_for_paths: bool,
}

impl Rules {
    /// Reads those of a chart, with the one that every chart has.
    ///
    /// # Errors
    /// Helm does not know such a rule.
    pub fn of(chart: &Path) -> Result<Self> {
        let file = chart.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        rules.chain([DEFAULT]).map(Rule::parse).collect::<Result<_>>().map(Self)
    }

    /// Returns whether a file or directory is left out. Its path is relative to the chart, with slashes.
    pub fn leave_out(&self, path: &str, is_directory: bool) -> bool {
        self.0.iter().any(|rule| rule.leaves_out(path, is_directory))
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Self> {
        ensure!(!line.contains("**"), "`{line}`: Helm does not know `**`");
        ensure!(
            !line.contains('\\'),
            "`{line}`: write `[*]` for a star, without a backslash"
        );
        let (is_negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (is_for_directories, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        let is_for_paths = rest.contains('/');
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        Ok(Self {
            pattern: Pattern::new(&rest.replace("[^", "[!")).with_context(|| format!("`{line}`"))?,
            is_negated,
            is_for_directories,
            is_for_paths,
        })
    }

    fn leaves_out(&self, path: &str, is_directory: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_matched = self
            .pattern
            .matches_with(if self.is_for_paths { path } else { name }, OPTIONS);
        // Helm reads `!` like that: a rule for the only files that stay.
        if self.is_negated {
            return !is_matched || self.is_for_directories && !is_directory;
        }
        is_matched && (is_directory || !self.is_for_directories)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_helm() {
        let is_left_out =
            |rule: &str, path: &str, is_directory| Rules::parse(rule).unwrap().leave_out(path, is_directory);
        for (rule, path) in [
            ("# a comment\n*.txt", "files/a.txt"),
            ("/a.txt", "a.txt"),
            ("files/*.txt", "files/a.txt"),
            ("[^b].txt", "a.txt"),
            ("", "templates/.hidden"),
            ("!*.yaml", "files/a.txt"),
        ] {
            assert!(is_left_out(rule, path, false), "{rule}: {path}");
        }
        for (rule, path) in [
            ("# *.txt", "a.txt"),
            ("/a.txt", "files/a.txt"),
            ("*.txt", "a.txt/b.yaml"),
            ("files/", "files"),
            ("", "templates/worker.yaml"),
            ("!*.yaml", "Chart.yaml"),
        ] {
            assert!(!is_left_out(rule, path, false), "{rule}: {path}");
        }
        assert!(is_left_out("files/", "files", true));
    }

    #[test]
    fn what_helm_does_not_know_is_refused_by_name() {
        for rule in ["a/**", "a\\*", "[a"] {
            let error = Rules::parse(rule).unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
    }
}
