//! Files, to come.
/// Files.
#[derive(Debug)]
pub struct Files;
