//! What one judged step costs, piece by piece.

fn main() {}
