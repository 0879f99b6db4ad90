//! What a check finds.

use clf_core::Error;
use serde::Serialize;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Usable, and worth knowing.
    Warning,
    /// A run that needs it would fail.
    Failed,
    /// Not there to be checked.
    NotApplicable,
}

impl State {
    /// The state in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::NotApplicable => "-",
        }
    }
}

/// The outcome of a check.
#[derive(Debug)]
pub struct Verdict {
    /// How it is.
    pub state: State,
    /// One line of what was found.
    pub finding: String,
    /// One line of what to do, where something is to be done.
    pub advice: Option<String>,
    /// What a command that needs it would end with.
    pub error: Option<Error>,
}

impl Verdict {
    /// All is well.
    pub fn ok(finding: impl Into<String>) -> Self {
        Self { state: State::Ok, finding: finding.into(), advice: None, error: None }
    }

    /// Something to know, and what to do about it.
    pub fn warning(finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Warning, advice: Some(advice.into()), ..Self::ok(finding) }
    }

    /// There is nothing to check, for this reason.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self { state: State::NotApplicable, ..Self::ok(reason) }
    }

    /// It is broken; the hint of the error is the advice, `otherwise` where it has none.
    pub fn failed(error: Error, otherwise: &str) -> Self {
        let text = error.to_string();
        let (finding, hint) = text.split_once("\n  hint: ").unwrap_or((&text, otherwise));
        let one_line = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        Self { state: State::Failed, finding: one_line(finding), advice: Some(one_line(hint)), error: Some(error) }
    }

    /// The verdict of a check that cannot go on after an error.
    pub fn of(result: Result<Self, Error>, otherwise: &str) -> Self {
        result.unwrap_or_else(|error| Self::failed(error, otherwise))
    }
}

/// A check that was made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub finding: String,
    /// What to do.
    pub advice: Option<String>,
    /// How long it took.
    pub seconds: f64,
    #[serde(skip)]
    pub error: Option<Error>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_an_error_is_the_advice() {
        let verdict = Verdict::failed(Error::Device("no answer\n  hint: check it".to_owned()), "else");
        assert_eq!(
            (verdict.finding.as_str(), verdict.advice.as_deref()),
            ("the device failed: no answer", Some("check it"))
        );
        let verdict = Verdict::failed(Error::Device("no answer".to_owned()), "else");
        assert_eq!((verdict.state, verdict.advice.as_deref()), (State::Failed, Some("else")));
    }
}
