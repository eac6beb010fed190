//! The command `stopcheck`.

fn main() {}
