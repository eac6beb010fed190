//! The house-keeping of stopcheck.

fn main() {}
