//! What can go wrong between a chart and its objects.

use std::time::Duration;

use crate::quote;

/// Why a chart cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the chart cannot be read: {}; package it with `helm package`", quote::words(.message))]
pub struct ChartError {
    /// What is wrong with the archive.
    pub message: String,
}

/// A template, values or schema error, as Helm's engine reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("chart {}: {}", quote::name(.chart), quote::words(.message))]
pub struct TemplateError {
    /// The chart that was rendered.
    pub chart: String,
    /// The file at fault, with the chart's name as its first part; none if the error is not one
    /// file's.
    pub file: Option<String>,
    /// The line in `file`, from 1.
    pub line: Option<u32>,
    /// The words of `helm template`, without its leading `Error: `.
    pub message: String,
}

/// Why a chart was not rendered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RenderError {
    /// The archive is not a chart.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// Helm refuses the chart or the values.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Rendering took longer than allowed.
    #[error("chart {}: rendering was ended after {} of processor time; a template may loop without end", quote::name(.chart),
        humantime(.limit))]
    Deadline {
        /// The chart.
        chart: String,
        /// The limit.
        limit: Duration,
    },
    /// Rendering needed more memory than allowed, or crashed Helm's engine.
    #[error("chart {}: Helm's engine stopped: {}", quote::name(.chart), quote::words(.message))]
    Crashed {
        /// The chart.
        chart: String,
        /// What the engine said last.
        message: String,
    },
    /// The engine itself cannot be prepared.
    #[error("Helm's engine cannot be started: {}", quote::words(.message))]
    Engine {
        /// What was tried and failed.
        message: String,
    },
}

impl RenderError {
    /// Whether the same chart with the same values may render the next time: the machine was busy,
    /// or short of memory or threads.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Chart(_) | Self::Template(_) => false,
            Self::Deadline { .. } | Self::Crashed { .. } | Self::Engine { .. } => true,
        }
    }
}

fn humantime(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
