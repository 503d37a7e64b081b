//! What was looked at, and what was found.

use std::path::PathBuf;

use serde::Serialize;
use wasser_api::text::one_line;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All is as it has to be.
    Ok,
    /// Something is not.
    Failed,
    /// It could not be looked at.
    Skipped,
}

impl Outcome {
    /// Returns the word that a line begins with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is called.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, and what to do if it is not as it has to be: one line.
    pub detail: String,
    /// Everything that was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub message: String,
    /// The context in which it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The manifest that repeats it with `wasser plugin run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl Finding {
    /// Returns a finding that is seen without a context.
    pub fn plain(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            context: None,
            file: None,
        }
    }
}

impl Check {
    /// Returns a check of which all is well.
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Outcome::Ok,
            detail: detail.into(),
            findings: Vec::new(),
        }
    }

    /// Returns a check that was not made.
    pub fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Skipped,
            ..Self::ok(name, why)
        }
    }

    /// Returns a check with these findings, or one of which all is well. The line has the first
    /// finding, how many more there are, and the remedy.
    pub fn of(name: &'static str, good: impl Into<String>, findings: Vec<Finding>, remedy: &str) -> Self {
        let Some(first) = findings.first() else {
            return Self::ok(name, good);
        };
        let mut detail = first.message.clone();
        if let Some(context) = &first.context {
            detail = format!("with {context}: {detail}");
        }
        match findings.len() - 1 {
            0 => {}
            more => detail.push_str(&format!(" (and {more} more)")),
        }
        if !remedy.is_empty() {
            detail.push_str(&format!("; {remedy}"));
        }
        if let Some(file) = &first.file {
            detail.push_str(&format!("; repeat it: wasser plugin run PLUGIN -f {}", file.display()));
        }
        Self {
            name,
            outcome: Outcome::Failed,
            detail,
            findings,
        }
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl Report {
    /// Returns whether nothing failed.
    pub fn passes(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }

    /// Returns the checks for people, one line each.
    pub fn text(&self) -> String {
        let line = |check: &Check| {
            let detail = one_line(&check.detail);
            format!("{:<8}{:<14}{detail}\n", check.outcome.word(), check.name)
        };
        self.checks.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_first_finding_the_number_of_others_and_the_remedy() {
        let finding = |message: &str| Finding {
            context: Some("no images".to_owned()),
            file: Some("/tmp/1.yaml".into()),
            ..Finding::plain(message)
        };
        let check = Check::of(
            "answers",
            "",
            vec![finding("it\ntrapped"), finding("b")],
            "return an error",
        );
        let report = Report {
            checks: vec![Check::ok("grants", "exec"), check, Check::skipped("chart", "none")],
        };
        assert!(!report.passes());
        assert_eq!(
            report.text(),
            "ok      grants        exec\nFAILED  answers       with no images: it trapped (and 1 more); return an error; \
             repeat it: wasser plugin run PLUGIN -f /tmp/1.yaml\nskipped chart         none\n"
        );
    }
}
