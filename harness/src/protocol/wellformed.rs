//! The strict judge of well-formedness.
