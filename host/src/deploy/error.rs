//! What is wrong with the handlers of a plan.

use std::fmt;

use crate::config::Position;
use crate::source::SourceError;

/// What is wrong with the components of a plan, in its order.
#[derive(Debug, thiserror::Error)]
pub struct DeployErrors(pub(super) Vec<DeployError>);

/// Why a route has no handler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub struct DeployError {
    /// The tenant.
    pub tenant: String,
    /// The path of the route; of the first, if several have the same source.
    pub route: String,
    /// Where the source of that route is written, if it was read from a file.
    pub written: Option<Position>,
    /// What is wrong.
    pub cause: SourceError,
}

impl DeployErrors {
    /// What is wrong, in the order of the plan.
    pub fn errors(&self) -> &[DeployError] {
        &self.0
    }
}

impl fmt::Display for DeployErrors {
    /// One after the other, each on a line of its own. What building a project says may be several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let line_end = if number == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeployError { tenant, route, written, cause } = self;
        match written {
            Some(position) => write!(f, "{position}: {cause}"),
            None => write!(f, "tenant {tenant}, route {route}: {cause}"),
        }
    }
}
