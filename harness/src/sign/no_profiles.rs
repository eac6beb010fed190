//! Stands in for `profiles.rs` where the command is built without them: says how to get them.

use std::convert::Infallible;
use std::sync::Arc;

use super::{CredentialSource, Fetch, LoadError};

/// The profiles in the configuration files of the AWS SDKs: there is no such value.
#[derive(Debug)]
pub struct Profiles(Infallible);

impl Profiles {
    /// Fails: nothing here reads the files.
    pub async fn read() -> Result<Profiles, LoadError> {
        Err(LoadError::NotBuiltIn)
    }

    /// The Region of a profile.
    pub fn region(&self, _profile: &str) -> Option<&str> {
        match self.0 {}
    }

    /// The credentials of a profile.
    pub fn source(
        &self,
        _profile: &str,
        _region: &str,
        fetch: Arc<dyn Fetch>,
    ) -> Result<Arc<dyn CredentialSource>, LoadError> {
        drop(fetch);
        match self.0 {}
    }
}

/// Fails: nothing here searches them.
pub async fn default_chain(
    _region: &str,
    fetch: Arc<dyn Fetch>,
) -> Result<Arc<dyn CredentialSource>, LoadError> {
    drop(fetch);
    Err(LoadError::NotBuiltIn)
}
