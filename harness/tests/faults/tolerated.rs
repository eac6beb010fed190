//! Answers that the evidence does not forbid: whatever else is said about them, they never fail a run.
